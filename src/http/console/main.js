/** The console page: takes the token from the address, connects, and shows every message as it comes. */
import { brief, Chart } from './charts.js';
import { ServerClock } from './clock.js';
import { Development } from './development.js';
import { byId, element } from './dom.js';
import { filterOf } from './filters.js';
import { listenForKeys } from './keys.js';
import { MessageList } from './messages.js';
import { Rates } from './rates.js';
import { RawLink } from './raw-link.js';
import { Resume } from './resume.js';
import * as settings from './settings.js';
import { SocketIoLink } from './socketio-link.js';
import { show, startTabs } from './tabs.js';
import { World } from './world.js';
import { WorldView } from './world-view.js';

/** How often a ping measures the way to the server and its clock. */
const pingEverySeconds = 5;
/** The first answers come while the page is busy: its clock is compared by a few of them at once. */
const firstPings = 4;

const links = { raw: RawLink, socketio: SocketIoLink };
const stateWords = { connecting: 'connecting…', open: 'live', waiting: 'reconnecting', closed: 'closed' };

let link;
let clock = new ServerClock();
const rates = new Rates();
const resume = new Resume((text) => (byId('resumed').textContent = text));
const world = new World();
const worldView = new WorldView(byId('world'), world, () => {
  byId('world-empty').hidden = world.things.size > 0;
  byId('world-stale').hidden = !world.stale;
});
const messages = new MessageList(byId('messages'), ({ total, shown, waiting, fresh, newTypes }) => {
  const some = filtered() || shown + waiting < total ? `, ${shown} shown` : '';
  byId('count').textContent = `${total} ${total === 1 ? 'message' : 'messages'}${some}`;
  byId('fresh').hidden = fresh === 0;
  byId('fresh').textContent = `${fresh} new`;
  byId('empty').hidden = total > 0;
  for (const value of newTypes) byId('types').append(Object.assign(element('option'), { value }));
});
const development = 'development' in document.documentElement.dataset ? new Development(connect) : undefined;
const charts = {
  events: new Chart(byId('chart-events'), { title: 'Events', unit: '/s', kind: 'bars' }),
  latency: new Chart(byId('chart-latency'), { title: 'Latency', unit: 'ms', kind: 'line' }),
  roundTrip: new Chart(byId('chart-rtt'), { title: 'Round trip', unit: 'ms', kind: 'line' }),
};

/** @param {string} token */
function connect(token) {
  link?.close();
  clock = new ServerClock();
  resume.forget();
  settings.token.set(token);
  byId('token').value = token;
  link = new links[settings.protocol.get()]({
    pageUrl: location.href,
    token,
    onState: showState,
    onMessage: receive,
    onPong(sentAt, receivedAt, timestamp) {
      clock.observe(sentAt, receivedAt, timestamp);
      rates.roundTrip(receivedAt - sentAt);
      byId('rtt').textContent = `${brief(receivedAt - sentAt)} ms`;
      if (clock.samples < firstPings) link.ping(false);
    },
  });
  link.open();
}

function receive(message) {
  const { type, data } = message;
  const isEvent = type.endsWith(':event') && typeof data.timestamp === 'string';
  if (type === 'connected') showConnected(data);
  const replayed = isEvent && resume.isReplayed(data.timestamp);
  const latencyMs = isEvent && !replayed ? clock.since(data.timestamp) : undefined;
  if (isEvent) rates.event(latencyMs);
  messages.add(message, { replayed, latencyMs });
  worldView.changed(world.apply(message));
  showRooms();
  if (world.stale) byId('world-stale').hidden = false;
}

function showState(state, explanation) {
  byId('state').dataset.state = state;
  byId('state').textContent = stateWords[state];
  byId('explanation').textContent = explanation;
  byId('explanation').hidden = explanation === '';
  for (const id of ['ping', 'subscribe', 'unsubscribe']) byId(id).disabled = state !== 'open';
  byId('cut').disabled = state !== 'open' && state !== 'waiting';
  byId('cut').textContent = state === 'waiting' ? 'Come back now' : 'Cut the line for 5 s';
  if (state !== 'open') byId('rtt').textContent = '–';
  if (state === 'waiting') resume.away();
}

function showConnected(data) {
  const { playerId, recovered } = data;
  resume.back(data);
  if (playerId !== world.playerId) worldView.clear();
  if (development && byId('play-as').value === '') development.player = playerId;
  byId('player').textContent = `player ${playerId}${recovered ? ', resumed' : ''}`;
}

function showRooms() {
  if (world.playerId === '') return;
  const codes = [...world.memberships.values()];
  const more = codes.length > 3 ? ` and ${codes.length - 3} more` : '';
  const text = codes.length === 0 ? 'in no lobby' : `in ${codes.slice(0, 3).join(', ')}${more}`;
  if (byId('rooms').textContent !== text) byId('rooms').textContent = text;
}

function drawCharts() {
  const { events, latencies, roundTrips } = rates.minute;
  const total = events.reduce((sum, count) => sum + count, 0);
  charts.events.draw(events, `${total} in a minute`);
  charts.latency.draw(latencies, 'change to browser');
  const offset = Math.round(clock.offsetMs);
  charts.roundTrip.draw(roundTrips, `clock ${offset < 0 ? '−' : '+'}${Math.abs(offset)} ms`);
}

const filters = ['type', 'lobby', 'player', 'text'];
const filtered = () => filters.some((name) => byId(`filter-${name}`).value !== '');

const paused = () => byId('pause').getAttribute('aria-pressed') === 'true';

function togglePause() {
  const value = !paused();
  byId('pause').setAttribute('aria-pressed', String(value));
  byId('pause').textContent = value ? 'Go on' : 'Pause';
  messages.paused = value;
}

/** What came while the list stood still, or its top was out of sight. */
function showFresh() {
  if (paused()) togglePause();
  byId('messages-top').scrollIntoView({ block: 'center' });
  // The button that was pressed is about to go.
  byId('pause').focus({ preventScroll: true });
}

function cutOrComeBack() {
  if (byId('state').dataset.state === 'waiting') link.retry();
  else link?.cut();
}

function showFiltered() {
  const wanted = Object.fromEntries(filters.map((name) => [name, byId(`filter-${name}`).value]));
  messages.filter = filterOf(wanted);
}

function clearWorld() {
  world.clear();
  worldView.clear();
}

byId('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = byId('token').value.trim();
  if (token !== '') connect(token);
});
byId('protocol').addEventListener('change', ({ target }) => {
  settings.protocol.set(target.value);
  const token = settings.token.get();
  if (token !== undefined) connect(token);
});
byId('rooms-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const type = event.submitter?.name === 'unsubscribe' ? 'unsubscribe' : 'subscribe';
  link?.room(type, byId('lobby').value.trim());
});
byId('ping').addEventListener('click', () => link?.ping(true));
byId('cut').addEventListener('click', cutOrComeBack);
byId('pause').addEventListener('click', togglePause);
byId('fresh').addEventListener('click', showFresh);
new IntersectionObserver(([{ isIntersecting }]) => (messages.away = !isIntersecting)).observe(
  byId('messages-top'),
);
byId('clear').addEventListener('click', () => messages.clear());
byId('world-clear').addEventListener('click', clearWorld);
byId('filters').addEventListener('input', showFiltered);
byId('theme').addEventListener('click', settings.switchTheme);
addEventListener('hashchange', () => {
  const token = settings.takeToken();
  if (token !== undefined) connect(token);
});

let second = 0;
setInterval(() => {
  rates.tick();
  // A page that nobody sees costs nothing.
  if (document.hidden) return;
  if (++second % pingEverySeconds === 0) link?.ping(false);
  drawCharts();
}, 1000);

listenForKeys({
  '/': () => {
    show('messages');
    byId('filter-type').focus();
  },
  p: togglePause,
  n: showFresh,
  c: () => messages.clear(),
  j: () => messages.step(1),
  k: () => messages.step(-1),
  i: () => link?.ping(true),
  x: cutOrComeBack,
  1: () => show('messages'),
  2: () => show('state'),
  3: () => show('tools'),
});
startTabs();
settings.restoreTheme();
for (const radio of byId('protocol').querySelectorAll('input')) {
  radio.checked = radio.value === settings.protocol.get();
}
showState('closed', '');
drawCharts();
development?.start();
const token = settings.takeToken() ?? settings.token.get();
if (token !== undefined) connect(token);
else {
  byId('state').textContent = 'not connected';
  show('tools');
  byId(development ? 'play-as' : 'token').focus();
}
