/** A connection by Socket.IO's own client: it resumes by connection state recovery, with no code of ours. */
import { cutCode, cutMs, explainClose, retryWaitMs, tryingAgain } from './closes.js';

const answerWithinMs = 10_000;

/** The codes of the protocol's errors, where Socket.IO tells an error instead of a close. */
const closeCodeOf = {
  AUTH_ERROR: 4401,
  TOKEN_EXPIRED: 4401,
  AUTH_UNAVAILABLE: 1013,
  TOO_MANY_CONNECTIONS: 4429,
};

export class SocketIoLink {
  #socket;
  #timer;
  #retries = 0;
  #closed = false;
  #cutting = false;
  #lastError;

  /** @param {import('./raw-link.js').LinkOptions} options */
  constructor(options) {
    this.options = options;
  }

  open() {
    const { onState } = this.options;
    onState('connecting', '');
    // Only who wants it loads it.
    import('./socket.io.js').then(
      ({ io }) => this.#start(io),
      () => onState('closed', "Socket.IO's client could not be loaded: is the server running?"),
    );
  }

  /** Ends it for good. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.disconnect();
  }

  /** Loses the transport without a goodbye, as a broken line does: a goodbye would end the session. */
  cut() {
    if (!this.#socket?.connected) return;
    this.#cutting = true;
    this.#socket.io.engine.close();
  }

  /** Comes back without waiting any longer. */
  retry() {
    clearTimeout(this.#timer);
    this.options.onState('connecting', '');
    this.#socket.connect();
  }

  /** @param {boolean} shown whether the answer is a message of the list too */
  ping(shown) {
    const sentAt = performance.now();
    this.#ask('ping', {}, ({ timestamp }) => {
      this.options.onPong(sentAt, performance.now(), timestamp);
      if (shown) this.options.onMessage({ type: 'pong', data: { timestamp } });
    });
  }

  /** @param {'subscribe' | 'unsubscribe'} type @param {string} lobbyId a UUID or a code */
  room(type, lobbyId) {
    this.#ask(type, { lobbyId }, (answer) => this.options.onMessage({ type: 'ack', data: answer }));
  }

  #ask(type, data, onAnswer) {
    if (!this.#socket?.connected) return;
    this.#socket.timeout(answerWithinMs).emit(type, data, (noAnswer, answer) => {
      if (noAnswer || this.#closed) return;
      if (answer.ok) onAnswer(answer);
      else this.options.onMessage({ type: 'error', data: answer.error });
    });
  }

  #start(io) {
    if (this.#closed) return;
    const { pageUrl, token, onState, onMessage } = this.options;
    const socket = io(new URL('/', pageUrl).href, {
      auth: { token },
      transports: ['websocket'],
      forceNew: true,
      // When to come back is decided here, so that it can be told.
      reconnection: false,
    });
    this.#socket = socket;
    socket.onAny((type, data, offset) => {
      if (this.#closed) return;
      if (type === 'connected') {
        this.#retries = 0;
        onState('open', '');
        this.ping(false);
      }
      if (type === 'error') this.#lastError = data.code;
      onMessage({ type, data, ...(typeof offset === 'string' && { id: offset }) });
    });
    socket.on('connect_error', (error) => this.#refused(error));
    socket.on('disconnect', (reason, details) => this.#lost(reason, details));
  }

  #refused({ message, data }) {
    if (this.#closed) return;
    if (data === undefined) return this.#retry(explainClose(1006));
    this.options.onMessage({ type: 'error', data });
    const code = closeCodeOf[data.code] ?? 1011;
    const explanation = explainClose(code, `${message}, ${data.code}`);
    if (code === 4401) this.options.onState('closed', explanation);
    else this.#retry(explanation);
  }

  #lost(reason, details) {
    if (this.#closed) return;
    const told = closeCodeOf[this.#lastError];
    this.#lastError = undefined;
    if (this.#cutting) {
      this.#cutting = false;
      return this.#retry(explainClose(cutCode), cutMs);
    }
    // The server's goodbye: its code is in the error before it.
    if (reason === 'io server disconnect') {
      return this.options.onState('closed', explainClose(told ?? 1000, reason));
    }
    this.#retry(explainClose(details?.context?.code ?? 1006, reason));
  }

  #retry(explanation, waitMs = retryWaitMs(this.#retries++)) {
    this.#timer = setTimeout(() => this.retry(), waitMs);
    this.options.onState('waiting', `${explanation} ${tryingAgain(waitMs)}`);
  }
}
