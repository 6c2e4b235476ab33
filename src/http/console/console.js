/** The console page: takes the token from the address, connects, and shows every message as it comes. */
import { ConsoleConnection } from './console-connection.js';
import { MessageList } from './console-messages.js';

const byId = (id) => document.getElementById(id);
const tokenKey = 'hashi-console-token';
const themeKey = 'hashi-console-theme';

let connection;
const messages = new MessageList(byId('messages'), ({ total, shown, waiting, newTypes }) => {
  const held = paused() && waiting > 0 ? `, ${waiting} held` : '';
  byId('count').textContent = `${total} ${total === 1 ? 'message' : 'messages'}, ${shown} shown${held}`;
  byId('empty').hidden = total > 0;
  for (const type of newTypes)
    byId('types').append(Object.assign(document.createElement('option'), { value: type }));
});

function connect(token) {
  connection?.close();
  sessionStorage.setItem(tokenKey, token);
  byId('token').value = token;
  connection = new ConsoleConnection({
    pageUrl: location.href,
    token,
    onState: showState,
    onMessage(message, bytes) {
      if (message.type === 'connected') showConnected(message.data);
      messages.add(message, bytes);
    },
    onRoundTrip: (milliseconds) => {
      byId('rtt').textContent = `${milliseconds.toFixed(1)} ms`;
    },
  });
  connection.open();
}

function showState(state, explanation) {
  const words = { connecting: 'connecting…', open: 'live', waiting: 'reconnecting', closed: 'closed' };
  byId('state').dataset.state = state;
  byId('state').textContent = words[state];
  byId('explanation').textContent = explanation;
  byId('explanation').hidden = explanation === '';
  if (state !== 'open') byId('rtt').textContent = '–';
}

function showConnected({ playerId, lobbies, recovered }) {
  byId('player').textContent = `player ${playerId}${recovered ? ', resumed' : ''}`;
  const codes = lobbies.map(({ lobbyCode }) => lobbyCode).join(', ');
  byId('rooms').textContent = lobbies.length === 0 ? 'in no lobby' : `in ${codes}`;
}

/** The token must not stay in the address bar, the history or a copied link. */
function takeToken() {
  const given =
    new URLSearchParams(location.hash.slice(1)).get('token') ??
    new URLSearchParams(location.search).get('token');
  if (given === null) return undefined;
  history.replaceState(null, '', location.pathname);
  return given;
}

function paused() {
  return byId('pause').getAttribute('aria-pressed') === 'true';
}

function togglePause() {
  const value = !paused();
  byId('pause').setAttribute('aria-pressed', String(value));
  byId('pause').textContent = value ? 'Resume' : 'Pause';
  messages.paused = value;
}

function setTheme(theme) {
  if (theme === null) return;
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(themeKey, theme);
}

byId('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = byId('token').value.trim();
  if (token !== '') connect(token);
});
byId('rooms-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const type = event.submitter?.name === 'unsubscribe' ? 'unsubscribe' : 'subscribe';
  connection?.room(type, byId('lobby').value.trim());
});
byId('ping').addEventListener('click', () => connection?.ping());
byId('cut').addEventListener('click', () => connection?.cut());
byId('pause').addEventListener('click', togglePause);
byId('clear').addEventListener('click', () => messages.clear());
byId('filter').addEventListener('input', ({ target }) => {
  messages.filter = target.value;
});
byId('theme').addEventListener('click', () => {
  const systemDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme ?? (systemDark ? 'dark' : 'light');
  setTheme(now === 'dark' ? 'light' : 'dark');
});
addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, select') !== null;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'p') togglePause();
  if (event.key === '/') {
    event.preventDefault();
    byId('filter').focus();
  }
});
addEventListener('hashchange', () => {
  const token = takeToken();
  if (token !== undefined) connect(token);
});

setTheme(localStorage.getItem(themeKey));
const token = takeToken() ?? sessionStorage.getItem(tokenKey);
if (token === null) byId('token').focus();
else connect(token);
