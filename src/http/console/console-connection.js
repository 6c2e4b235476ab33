/** The console's connection: the raw protocol, reconnecting with a cursor so that nothing is missed. */

const closeTexts = {
  1000: 'Closed normally.',
  1001: 'The server is going away.',
  1002: 'The server got a broken WebSocket frame.',
  1006: 'The connection was lost, or there is no server.',
  1007: 'A message was not valid UTF-8.',
  1009: 'A message was too big.',
  1011: 'The server failed: this is a bug of the server.',
  1012: 'The server is restarting.',
  1013: 'The key server cannot be reached, so tokens cannot be checked.',
  4000: 'Cut by this page, to show a resume.',
  4401: 'The token was refused or has run out: give another one.',
  4408: 'This page read too slowly.',
  4429: 'Too many messages, or too many connections of this player.',
};

// Trying again with the same token, or the same message, would end the same way.
const finalCodes = new Set([1000, 1007, 1009, 4401]);
const firstRetryMs = 500;
const longestRetryMs = 15_000;
/** The close code of `cut`, and how long it stays cut: enough to change a row meanwhile. */
const cutCode = 4000;
const cutMs = 5_000;

/** @param {number} code @param {string} [reason] what the server wrote beside it */
export function explainClose(code, reason = '') {
  const text = closeTexts[code] ?? 'Closed.';
  return `${code}: ${text}${reason === '' ? '' : ` (${reason})`}`;
}

/** @param {string} pageUrl @param {string} token @param {string} [cursor] */
export function socketUrl(pageUrl, token, cursor) {
  const url = new URL('/', pageUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('token', token);
  if (cursor === undefined) url.searchParams.set('resume', '1');
  else url.searchParams.set('since', cursor);
  return url.href;
}

export class ConsoleConnection {
  #socket;
  #timer;
  #retries = 0;
  #cursor;
  #lastId = 0;
  #asked = new Map();

  /**
   * @param {object} options
   * @param {string} options.pageUrl
   * @param {string} options.token
   * @param {(state: 'connecting' | 'open' | 'waiting' | 'closed', explanation: string) => void} options.onState
   * @param {(message: {type: string, data: object, id?: string}, bytes: number) => void} options.onMessage
   * @param {(milliseconds: number) => void} options.onRoundTrip
   */
  constructor(options) {
    this.options = options;
  }

  open() {
    const { pageUrl, token, onState } = this.options;
    onState('connecting', '');
    const socket = new WebSocket(socketUrl(pageUrl, token, this.#cursor));
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket === this.#socket) this.#closed(code, reason);
    });
  }

  /** Ends it for good. */
  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  /** Loses the connection on purpose: it comes back after a while, and what was missed with it. */
  cut() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.close(cutCode);
  }

  ping() {
    const id = this.#send('ping');
    if (id !== undefined) this.#asked.set(id, performance.now());
  }

  /** @param {'subscribe' | 'unsubscribe'} type @param {string} lobbyId a UUID or a code */
  room(type, lobbyId) {
    this.#send(type, { lobbyId });
  }

  #send(type, data) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return undefined;
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({ type, ...(data && { data }), id }));
    return id;
  }

  #receive(text) {
    const message = JSON.parse(text);
    const { type, data, id } = message;
    if (type === 'connected') {
      this.#retries = 0;
      this.#cursor = data.cursor;
      this.options.onState('open', '');
      this.ping();
    }
    if (id !== undefined) this.#cursor = id;
    const askedAt = type === 'pong' ? this.#asked.get(data.id) : undefined;
    if (askedAt !== undefined) {
      this.#asked.delete(data.id);
      this.options.onRoundTrip(performance.now() - askedAt);
    }
    this.options.onMessage(message, text.length);
  }

  #closed(code, reason) {
    this.#asked.clear();
    const explanation = explainClose(code, reason);
    if (finalCodes.has(code)) {
      this.options.onState('closed', explanation);
      return;
    }
    // Jitter, so that the pages that a restart has cut off do not come back at the same moment.
    const ceiling = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#retries++);
    const waitMs = code === cutCode ? cutMs : ceiling / 2 + (Math.random() * ceiling) / 2;
    this.options.onState('waiting', `${explanation} Trying again in ${(waitMs / 1000).toFixed(1)} s.`);
    this.#timer = setTimeout(() => this.open(), waitMs);
  }
}
