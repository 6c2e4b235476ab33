/** A connection by the raw protocol, reconnecting with a cursor so that nothing is missed. */
import { cutCode, cutMs, explainClose, mayRetry, retryWaitMs, tryingAgain } from './closes.js';

/** Without the token, which stands in no address. @param {string} pageUrl @param {string} [cursor] */
export function socketUrl(pageUrl, cursor) {
  const url = new URL('/', pageUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (cursor === undefined) url.searchParams.set('resume', '1');
  else url.searchParams.set('since', cursor);
  return url.href;
}

/**
 * What both links are given.
 * @typedef {object} LinkOptions
 * @property {string} pageUrl
 * @property {string} token
 * @property {(state: 'connecting' | 'open' | 'waiting' | 'closed', explanation: string) => void} onState
 * @property {(message: {type: string, data: object, id?: string}) => void} onMessage
 * @property {(sentAt: number, receivedAt: number, timestamp: string) => void} onPong times in `performance.now()`
 */

export class RawLink {
  #socket;
  #timer;
  #retries = 0;
  #cursor;
  #lastId = 0;
  #pings = new Map();

  /** @param {LinkOptions} options */
  constructor(options) {
    this.options = options;
  }

  open() {
    const { pageUrl, token, onState } = this.options;
    onState('connecting', '');
    let socket;
    try {
      socket = new WebSocket(socketUrl(pageUrl, this.#cursor), ['hashi', `bearer.${token}`]);
    } catch {
      // A subprotocol has few characters, and a token no others.
      return onState('closed', 'This is no token: it has letters, digits, dots, - and _ alone.');
    }
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket) this.#receive(data);
    });
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

  /** Comes back without waiting any longer. */
  retry() {
    clearTimeout(this.#timer);
    this.open();
  }

  /** @param {boolean} shown whether the answer is a message of the list too */
  ping(shown) {
    const id = this.#send('ping');
    if (id !== undefined) this.#pings.set(id, { sentAt: performance.now(), shown });
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
    const { onState, onMessage, onPong } = this.options;
    const message = JSON.parse(text);
    const { type, data, id } = message;
    if (id !== undefined) this.#cursor = id;
    if (type === 'connected') {
      this.#retries = 0;
      this.#cursor = data.cursor;
      onState('open', '');
      this.ping(false);
    }
    const ping = type === 'pong' ? this.#pings.get(data.id) : undefined;
    if (ping !== undefined) {
      this.#pings.delete(data.id);
      onPong(ping.sentAt, performance.now(), data.timestamp);
      if (!ping.shown) return;
    }
    onMessage(message);
  }

  #closed(code, reason) {
    const { onState } = this.options;
    this.#pings.clear();
    const explanation = explainClose(code, reason);
    if (!mayRetry(code)) return onState('closed', explanation);
    const waitMs = code === cutCode ? cutMs : retryWaitMs(this.#retries++);
    this.#timer = setTimeout(() => this.open(), waitMs);
    onState('waiting', `${explanation} ${tryingAgain(waitMs)}`);
  }
}
