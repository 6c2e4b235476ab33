/** What the page remembers, and the token that must not stay in its address. */

const tokenKey = 'hashi-console-token';
const protocolKey = 'hashi-console-protocol';
const themeKey = 'hashi-console-theme';
const shortcutsKey = 'hashi-console-shortcuts';

/** The token must not stay in the address bar, the history or a copied link. */
export function takeToken() {
  const given =
    new URLSearchParams(location.hash.slice(1)).get('token') ??
    new URLSearchParams(location.search).get('token');
  if (given === null) return undefined;
  history.replaceState(null, '', location.pathname);
  return given;
}

/** For this tab and its reloads alone. */
export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? undefined,
  set: (value) => sessionStorage.setItem(tokenKey, value),
};

export const protocol = {
  get: () => (sessionStorage.getItem(protocolKey) === 'socketio' ? 'socketio' : 'raw'),
  set: (value) => sessionStorage.setItem(protocolKey, value),
};

export const shortcuts = {
  get: () => localStorage.getItem(shortcutsKey) !== 'off',
  set: (on) => localStorage.setItem(shortcutsKey, on ? 'on' : 'off'),
};

const showTheme = (theme) => (document.documentElement.dataset.theme = theme);

/** The system's choice, until another one was made here. */
export function restoreTheme() {
  const theme = localStorage.getItem(themeKey);
  if (theme !== null) showTheme(theme);
}

export function switchTheme() {
  const systemDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme ?? (systemDark ? 'dark' : 'light');
  const next = now === 'dark' ? 'light' : 'dark';
  showTheme(next);
  localStorage.setItem(themeKey, next);
}
