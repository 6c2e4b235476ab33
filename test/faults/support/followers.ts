/** Clients that come back by themselves whatever happens, and keep a journal of what they were told. */
import { io, type Socket } from 'socket.io-client';
import WebSocket from 'ws';

/** An event as a client was told of it. */
export interface Told {
  /** Its place in the log: the raw `id`, or Socket.IO's offset. */
  readonly id: string;
  readonly type: string;
  readonly data: any;
}

export interface Follower {
  readonly name: string;
  readonly player: string;
  /** Events, first to last; what comes twice stands here twice. */
  readonly told: readonly Told[];
  /** Times it was told that it missed something: `RESUME_FAILED`, `RESYNC_REQUIRED`, not recovered. */
  readonly gaps: readonly string[];
  /** Times it has connected. */
  readonly connects: () => number;
  /** The cursor and lobbies of its first greeting. */
  readonly greeting: Promise<{ cursor: string; lobbies: { lobbyId: string }[] }>;
  /** Cuts its connection off. */
  cut(): void;
  /** Resolves when it has been told of an event that fits, now or before. */
  heard(fits: (told: Told) => boolean): Promise<void>;
  close(): void;
}

class Journal {
  readonly told: Told[] = [];
  readonly gaps: string[] = [];
  connects = 0;
  private waiting: { fits: (told: Told) => boolean; resolve: () => void }[] = [];

  tell(told: Told): void {
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

/** A raw client that resumes with the id of the last message it has received. */
export function followRaw(name: string, player: string, wsUrl: string, token: string): Follower {
  const journal = new Journal();
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
    // A connection whose bytes vanish is noticed by asking, as a real client would.
    const watch = setInterval(() => {
      if (performance.now() - heardAt > 2500) ws.terminate();
      else if (ws.readyState === WebSocket.OPEN) ws.send('{"type":"ping"}');
    }, 700);
    ws.on('message', (bytes: Buffer) => {
      heardAt = performance.now();
      const message = JSON.parse(bytes.toString('utf8')) as { type: string; data: any; id?: string };
      if (message.type === 'connected') {
        journal.connects++;
        since ??= message.data.cursor as string;
        greet(message.data);
      } else if (message.type === 'error') {
        if (gapCodes.includes(message.data.code as string)) journal.gaps.push(message.data.code as string);
      } else if (message.id !== undefined) {
        since = message.id;
        journal.tell({ id: message.id, type: message.type, data: message.data });
      }
    });
    ws.on('error', () => undefined); // its close follows
    ws.on('close', () => {
      clearInterval(watch);
      if (!over) setTimeout(connect, 50 + Math.random() * 150);
    });
  };
  connect();
  return {
    name,
    player,
    told: journal.told,
    gaps: journal.gaps,
    connects: () => journal.connects,
    greeting,
    cut: () => ws.terminate(),
    heard: (fits) => journal.heard(fits),
    close() {
      over = true;
      ws.terminate();
    },
  };
}

/** A stock Socket.IO client, with nothing of ours in it. */
export function followSocketIo(name: string, player: string, url: string, token: string): Follower {
  const journal = new Journal();
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
  socket.onAny((type: string, data: any, id?: unknown) => {
    if (type === 'connected') greet(data);
    else if (type === 'error') {
      if (gapCodes.includes(data.code as string)) journal.gaps.push(data.code as string);
    } else if (typeof id === 'string') journal.tell({ id, type, data });
  });
  return {
    name,
    player,
    told: journal.told,
    gaps: journal.gaps,
    connects: () => journal.connects,
    greeting,
    cut: () => socket.io.engine.close(),
    heard: (fits) => journal.heard(fits),
    close: () => void socket.close(),
  };
}
