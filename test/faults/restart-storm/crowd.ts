/**
 * A process full of clients, half raw and half stock Socket.IO, which keep what they were told and come back by
 * themselves. Where to, they are told by the parent, as a load balancer would decide it.
 */
import { io, type Socket } from 'socket.io-client';
import WebSocket from 'ws';
import { parseCursor } from '../../../src/log/position.js';

export interface Guest {
  readonly player: string;
  readonly token: string;
  readonly kind: 'raw' | 'socketio';
}

export type ToCrowd =
  | { readonly is: 'connect'; readonly url: string; readonly guests: readonly Guest[] }
  /** The instance they were on goes: from now on they find another one. */
  | { readonly is: 'move'; readonly url: string }
  /** Wait until each has been told of this contract. */
  | { readonly is: 'settle'; readonly contractId: string };

export interface Account {
  readonly player: string;
  readonly kind: Guest['kind'];
  /** Events received. */
  readonly told: number;
  /** Each came after the one before it. */
  readonly ordered: boolean;
  /** How often it was live again after a cut, and how often with its place kept. */
  readonly returns: number;
  readonly recovered: number;
  readonly errors: readonly string[];
}

export type FromCrowd =
  | { readonly is: 'ready' }
  | { readonly is: 'connected' }
  /** All are live on the new instance. */
  | { readonly is: 'back' }
  | { readonly is: 'settled'; readonly accounts: readonly Account[] };

/** How many connect at a time when nothing is wrong yet. */
const atOnce = 40;
/** What a client waits for before it tries again, in milliseconds: doubled up to the most. */
const firstRetryMs = 100;
const mostRetryMs = 1000;

const tell = (message: FromCrowd) => process.send?.(message);

class Client {
  told = 0;
  ordered = true;
  returns = 0;
  recovered = 0;
  readonly errors: string[] = [];
  readonly contracts = new Set<string>();
  private last = -1;
  private since: string | undefined;
  private live = 0;
  private retryMs = firstRetryMs;
  private socket: Socket | undefined;

  constructor(readonly guest: Guest) {}

  start(): void {
    if (this.guest.kind === 'raw') this.connectRaw();
    else this.connectIo();
  }

  private connectRaw(): void {
    const params = new URLSearchParams({ token: this.guest.token, resume: '1' });
    if (this.since !== undefined) params.set('since', this.since);
    const ws = new WebSocket(`${url.replace('http', 'ws')}/?${params.toString()}`);
    ws.on('message', (text: Buffer) => {
      const { type, data, id } = JSON.parse(text.toString()) as { type: string; data: Data; id?: string };
      this.take(type, data, id ?? (type === 'connected' ? data.cursor : undefined));
      this.retryMs = firstRetryMs;
    });
    ws.on('error', () => undefined);
    ws.on('close', () => {
      // At once the first time, like everybody else.
      setTimeout(() => this.connectRaw(), this.retryMs === firstRetryMs ? 0 : this.retryMs * Math.random());
      this.retryMs = Math.min(mostRetryMs, this.retryMs * 2);
    });
  }

  private connectIo(): void {
    const socket = (this.socket = io(url, {
      auth: { token: this.guest.token },
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: firstRetryMs,
      reconnectionDelayMax: mostRetryMs,
    }));
    socket.onAny((type: string, data: Data, offset?: string) => this.take(type, data, offset));
  }

  /** The address behind the name has changed. */
  move(): void {
    if (this.socket) Object.assign(this.socket.io, { uri: url });
  }

  private take(type: string, data: Data, place: string | undefined): void {
    if (place !== undefined) this.since = place;
    if (type === 'connected') {
      this.live++;
      if (this.live > 1) this.returns++;
      if (data.recovered === true) this.recovered++;
      changed();
    } else if (type === 'error') {
      this.errors.push(data.code ?? 'unknown');
    } else if (type.endsWith(':event')) {
      this.told++;
      const seq = parseCursor(place ?? '')?.seq ?? -1;
      if (seq <= this.last) this.ordered = false;
      this.last = seq;
      if (data.type === 'contract.created' && data.contractId !== undefined)
        this.contracts.add(data.contractId);
      changed();
    }
  }

  get greeted(): boolean {
    return this.live > 0;
  }
}

interface Data {
  readonly type?: string;
  readonly code?: string;
  readonly cursor?: string;
  readonly recovered?: boolean;
  readonly contractId?: string;
}

let url = '';
const clients: Client[] = [];
/** What is waited for, and whom to tell when all clients have it. */
let waiting:
  { readonly all: (client: Client) => boolean; readonly done: () => void; next: number } | undefined;

/** Clients never lose what they have: who has it is not asked again. */
function changed(): void {
  if (!waiting) return;
  const { all, done } = waiting;
  for (let client = clients[waiting.next]; client; client = clients[++waiting.next]) if (!all(client)) return;
  waiting = undefined;
  done();
}

function whenAll(all: (client: Client) => boolean): Promise<void> {
  return new Promise((done) => {
    waiting = { all, done, next: 0 };
    changed();
  });
}

process.on('message', (message: ToCrowd) => {
  void (async () => {
    switch (message.is) {
      case 'connect':
        ({ url } = message);
        for (let from = 0; from < message.guests.length; from += atOnce) {
          for (const guest of message.guests.slice(from, from + atOnce)) {
            const client = new Client(guest);
            clients.push(client);
            client.start();
          }
          await whenAll((client) => client.greeted);
        }
        tell({ is: 'connected' });
        return;
      case 'move':
        ({ url } = message);
        for (const client of clients) client.move();
        await whenAll((client) => client.returns > 0);
        tell({ is: 'back' });
        return;
      case 'settle':
        await whenAll((client) => client.contracts.has(message.contractId));
        tell({
          is: 'settled',
          accounts: clients.map(({ guest, told, ordered, returns, recovered, errors }) => ({
            player: guest.player,
            kind: guest.kind,
            told,
            ordered,
            returns,
            recovered,
            errors,
          })),
        });
        return;
    }
  })();
});
process.on('disconnect', () => process.exit(0));
tell({ is: 'ready' });
