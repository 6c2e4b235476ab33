/** Clients that come back by themselves whatever happens, and keep a journal of what they were told. */
import { io, type Socket } from 'socket.io-client';
import WebSocket from 'ws';
import { parseCursor } from '../../../src/log/position.js';

/** An event as a client was told of it, or an error that has a place in the log. */
export interface Told {
  /** Its place in the log: the raw `id`, or Socket.IO's offset. */
  readonly id: string;
  readonly type: string;
  readonly data: any;
}

/** Something else that happened to a client, when it had been told of `at` events. */
export interface Mark {
  readonly at: number;
  /** `begun`: at `cursor`, with nothing of before; where that is, is not always known. The others: of a subscription. */
  readonly what: 'begun' | 'asked' | 'subscribed' | 'leaving' | 'left' | 'cut';
  readonly cursor?: string;
}

export interface Follower {
  readonly name: string;
  readonly player: string;
  /** Events, first to last; what comes twice stands here twice. */
  readonly told: readonly Told[];
  readonly marks: readonly Mark[];
  /** Times it was told that it missed something: `RESUME_FAILED`, `RESYNC_REQUIRED`, not recovered. */
  readonly gaps: readonly string[];
  /** Times it has connected. */
  readonly connects: () => number;
  /** The cursor and lobbies of its first greeting. */
  readonly greeting: Promise<{ cursor: string; lobbies: { lobbyId: string }[] }>;
  /** Cuts its connection off. */
  cut(): void;
  /** @returns whether it was answered; false when it was refused, or the connection was lost before */
  ask(what: 'subscribe' | 'unsubscribe', lobbyId: string): Promise<boolean>;
  /** @returns whether it was answered; false when the connection was lost before */
  ping(): Promise<boolean>;
  /** Resolves when it has been told of an event that fits, now or before. */
  heard(fits: (told: Told) => boolean): Promise<void>;
  close(): void;
}

export interface FollowOptions {
  /** What to keep of an event's data; all of it unless given. */
  readonly keep?: (data: any) => unknown;
  /** How long a raw one waits for a sign of life, in milliseconds; 2500 unless given. */
  readonly patienceMs?: number;
  /** Told to read the state; `epoch`: of the log that it goes on in, as far as it was told. */
  readonly onAnew?: ((epoch: string | undefined) => void) | undefined;
}

class Journal {
  readonly told: Told[] = [];
  readonly marks: Mark[] = [];
  readonly gaps: string[] = [];
  connects = 0;
  private waiting: { fits: (told: Told) => boolean; resolve: () => void }[] = [];

  private readonly keep: (data: any) => unknown;
  private readonly onAnew: (epoch: string | undefined) => void;

  constructor({ keep, onAnew }: FollowOptions) {
    this.keep = keep ?? ((data) => data);
    this.onAnew = onAnew ?? (() => undefined);
  }

  /** At `cursor`, as far as it was told, without what was before. */
  anew(cursor?: string): void {
    this.onAnew(cursor === undefined ? undefined : parseCursor(cursor)?.epoch);
  }

  gap(code: string, cursor?: string): void {
    this.gaps.push(code);
    this.anew(cursor);
  }

  mark(what: Mark['what'], cursor?: string): void {
    this.marks.push({ at: this.told.length, what, ...(cursor !== undefined && { cursor }) });
  }

  tell({ id, type, data }: Told): void {
    const told = { id, type, data: type === 'error' ? data : this.keep(data) };
    this.told.push(told);
    this.waiting = this.waiting.filter(({ fits, resolve }) => {
      if (!fits(told)) return true;
      resolve();
      return false;
    });
  }

  heard(fits: (told: Told) => boolean): Promise<void> {
    if (this.told.some(fits)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ fits, resolve }));
  }
}

const gapCodes = ['RESUME_FAILED', 'RESYNC_REQUIRED'];

const asked = { subscribe: 'asked', unsubscribe: 'leaving' } as const;
const answered = { subscribe: 'subscribed', unsubscribe: 'left' } as const;

/** A raw client that resumes with the id of the last message it has received. */
export function followRaw(
  name: string,
  player: string,
  wsUrl: string,
  token: string,
  options: FollowOptions = {},
): Follower {
  const journal = new Journal(options);
  const { patienceMs = 2500 } = options;
  const questions = new Map<string, (answer: boolean) => void>();
  let asks = 0;
  let since: string | undefined;
  let over = false;
  let ws: WebSocket;
  let greet: (data: { cursor: string; lobbies: { lobbyId: string }[] }) => void;
  const greeting = new Promise<{ cursor: string; lobbies: { lobbyId: string }[] }>(
    (resolve) => (greet = resolve),
  );
  const connect = () => {
    const query = new URLSearchParams({ token, ...(since === undefined ? { resume: '1' } : { since }) });
    ws = new WebSocket(`${wsUrl}/?${query.toString()}`, { handshakeTimeout: 3000 });
    let heardAt = performance.now();
    let recovered = false;
    // A connection whose bytes vanish is noticed by asking, as a real client would.
    const watch = setInterval(() => {
      if (performance.now() - heardAt > patienceMs) ws.terminate();
      else if (ws.readyState === WebSocket.OPEN) ws.send('{"type":"ping"}');
    }, 700);
    ws.on('message', (bytes: Buffer) => {
      heardAt = performance.now();
      const message = JSON.parse(bytes.toString('utf8')) as { type: string; data: any; id?: string };
      if (message.type === 'connected') {
        journal.connects++;
        recovered = message.data.recovered as boolean;
        if (!recovered) {
          since = message.data.cursor as string;
          journal.mark('begun', since);
          journal.anew(since);
        }
        greet(message.data);
        return;
      }
      const question = questions.get(message.data.id as string);
      if (question) return question(message.type !== 'error');
      const code = message.type === 'error' ? (message.data.code as string) : '';
      if (gapCodes.includes(code)) journal.gap(code, message.id);
      // In the middle of a replay: it goes on somewhere.
      if (code === 'RESUME_FAILED' && recovered) journal.mark('begun');
      if (message.id !== undefined) {
        since = message.id;
        journal.tell({ id: message.id, type: message.type, data: message.data });
      }
    });
    ws.on('error', () => undefined); // its close follows
    ws.on('close', () => {
      clearInterval(watch);
      journal.mark('cut');
      for (const answer of questions.values()) answer(false);
      if (!over) setTimeout(connect, 50 + Math.random() * 150);
    });
  };
  connect();
  const question = (
    type: string,
    data?: object,
    onAsked: () => void = () => undefined,
    onAnswered: () => void = () => undefined,
  ): Promise<boolean> => {
    if (ws.readyState !== WebSocket.OPEN) return Promise.resolve(false);
    const id = `ask-${++asks}`;
    onAsked();
    ws.send(JSON.stringify({ type, id, data }));
    return new Promise((resolve) =>
      questions.set(id, (answer) => {
        questions.delete(id);
        if (answer) onAnswered();
        resolve(answer);
      }),
    );
  };
  return {
    name,
    player,
    told: journal.told,
    marks: journal.marks,
    gaps: journal.gaps,
    connects: () => journal.connects,
    greeting,
    cut: () => ws.terminate(),
    ask(what, lobbyId) {
      return question(
        what,
        { lobbyId },
        () => journal.mark(asked[what]),
        () => journal.mark(answered[what]),
      );
    },
    ping: () => question('ping'),
    heard: (fits) => journal.heard(fits),
    close() {
      over = true;
      ws.terminate();
    },
  };
}

/** A stock Socket.IO client, with nothing of ours in it. */
export function followSocketIo(
  name: string,
  player: string,
  url: string,
  token: string,
  options: FollowOptions = {},
): Follower {
  const journal = new Journal(options);
  let greet: (data: { cursor: string; lobbies: { lobbyId: string }[] }) => void;
  const greeting = new Promise<{ cursor: string; lobbies: { lobbyId: string }[] }>(
    (resolve) => (greet = resolve),
  );
  const socket: Socket = io(url, {
    auth: { token },
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    timeout: 3000,
  });
  socket.on('connect', () => {
    if (journal.connects > 0 && !socket.recovered) journal.gaps.push('not recovered');
    journal.connects++;
  });
  // What the middleware refuses is not tried again by itself: it must not happen.
  socket.on('connect_error', (error) => {
    if (!socket.active) journal.gaps.push(`refused: ${error.message}`);
  });
  socket.on('disconnect', () => journal.mark('cut'));
  let recovered = false;
  socket.onAny((type: string, data: any, id?: unknown) => {
    if (type === 'connected') {
      recovered = data.recovered as boolean;
      if (!recovered) {
        journal.mark('begun', data.cursor as string);
        journal.anew(data.cursor as string);
      }
      return greet(data);
    }
    const code = type === 'error' ? (data.code as string) : '';
    if (gapCodes.includes(code)) journal.gap(code, typeof id === 'string' ? id : undefined);
    if (code === 'RESUME_FAILED' && recovered) journal.mark('begun');
    if (typeof id === 'string') journal.tell({ id, type, data });
  });
  return {
    name,
    player,
    told: journal.told,
    marks: journal.marks,
    gaps: journal.gaps,
    connects: () => journal.connects,
    greeting,
    cut: () => socket.io.engine.close(),
    ask(what, lobbyId) {
      // Else it would be kept, and sent by the next connection.
      if (!socket.connected) return Promise.resolve(false);
      journal.mark(asked[what]);
      return new Promise((resolve) => {
        const lost = () => resolve(false);
        socket.once('disconnect', lost);
        socket.emit(what, { lobbyId }, ({ ok }: { ok: boolean }) => {
          socket.off('disconnect', lost);
          if (ok) journal.mark(answered[what]);
          resolve(ok);
        });
      });
    },
    ping() {
      if (!socket.connected) return Promise.resolve(false);
      return new Promise((resolve) => {
        const lost = () => resolve(false);
        socket.once('disconnect', lost);
        socket.emit('ping', ({ ok }: { ok: boolean }) => {
          socket.off('disconnect', lost);
          resolve(ok);
        });
      });
    },
    heard: (fits) => journal.heard(fits),
    close: () => void socket.close(),
  };
}
