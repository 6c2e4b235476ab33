import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

// By URL, because the browser's modules have no types.
const module = (name: string) => new URL(`../../../src/http/console/${name}`, import.meta.url).href;
const { RawLink, socketUrl } = await import(module('raw-link.js'));
const { explainClose } = await import(module('closes.js'));

/** Stands in for the browser's WebSocket, driven by the test. */
class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { type: string; id: number; data?: unknown }[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    super();
    FakeSocket.all.push(this);
  }

  send(text: string) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.end(1000);
  }

  receive(message: unknown) {
    this.readyState = FakeSocket.OPEN;
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
  }

  end(code: number, reason = '') {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }
}

const connected = { type: 'connected', data: { playerId: 'p', lobbies: [], cursor: 'c0' } };
let states: string[];
let roundTrips: number[];
let shown: string[];

function open() {
  const connection = new RawLink({
    pageUrl: 'https://host.example/docs',
    token: 'a.b',
    onState: (state: string, explanation: string) => states.push(`${state} ${explanation}`.trim()),
    onMessage: ({ type }: { type: string }) => shown.push(type),
    onPong: (sentAt: number, receivedAt: number) => roundTrips.push(receivedAt - sentAt),
  });
  connection.open();
  return connection;
}

const last = () => FakeSocket.all.at(-1) as FakeSocket;

beforeEach(() => {
  states = [];
  roundTrips = [];
  shown = [];
  FakeSocket.all = [];
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the console's raw connection", () => {
  it('asks for ids, and after a cut for what came since the last one', () => {
    open();
    expect(last().url).toBe('wss://host.example/?resume=1');
    expect(last().protocols).toEqual(['hashi', 'bearer.a.b']);
    last().receive(connected);
    last().receive({ type: 'contract:event', id: 'c7', data: { type: 'contract.created' } });
    last().end(1012);
    expect(states.at(-1)).toMatch(/^waiting 1012: The server is restarting\. Trying again in [\d.]+ s\.$/);
    vi.advanceTimersByTime(500);
    expect(FakeSocket.all).toHaveLength(2);
    expect(last().url).toBe('wss://host.example/?since=c7');
  });

  it('resumes from where it was connected when nothing has come since', () => {
    open();
    last().receive(connected);
    last().end(1006);
    vi.advanceTimersByTime(500);
    expect(last().url).toContain('since=c0');
  });

  it('does not try again with a token that was refused', () => {
    open();
    last().end(4401);
    expect(states.at(-1)).toMatch(/^closed 4401: The token was refused/);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('waits longer after each failure, and no longer than 15 s', () => {
    open();
    for (let attempt = 1; attempt <= 10; attempt++) {
      last().end(1006);
      vi.advanceTimersByTime(15_000);
      expect(FakeSocket.all).toHaveLength(attempt + 1);
    }
    last().end(1006);
    vi.advanceTimersByTime(7_000);
    expect(FakeSocket.all).toHaveLength(11);
  });

  it('stays closed once closed', () => {
    const connection = open();
    last().end(1006);
    connection.close();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('measures the round trip of its own pings, and shows those that were asked for', () => {
    const connection = open();
    last().receive(connected);
    const [ping] = last().sent;
    expect(ping).toMatchObject({ type: 'ping' });
    vi.advanceTimersByTime(12);
    last().receive({ type: 'pong', data: { timestamp: '', id: ping?.id } });
    expect(roundTrips).toEqual([12]);
    expect(shown).toEqual(['connected']);
    connection.ping(true);
    vi.advanceTimersByTime(3);
    last().receive({ type: 'pong', data: { timestamp: '', id: last().sent.at(-1)?.id } });
    last().receive({ type: 'pong', data: { timestamp: '' } });
    expect(roundTrips).toEqual([12, 3]);
    expect(shown).toEqual(['connected', 'pong', 'pong']);
  });

  it('hears nothing any more of a connection that was given up', () => {
    const connection = open();
    const socket = last();
    socket.receive(connected);
    connection.close();
    socket.receive({ type: 'contract:event', data: { type: 'contract.created' } });
    expect(shown).toEqual(['connected']);
  });

  it('subscribes with an id, so that success is told too', () => {
    const connection = open();
    connection.room('subscribe', 'ABC123');
    expect(last().sent).toEqual([]);
    last().receive(connected);
    connection.room('subscribe', 'ABC123');
    expect(last().sent.at(-1)).toEqual({ type: 'subscribe', data: { lobbyId: 'ABC123' }, id: 2 });
  });
});

describe('explainClose', () => {
  it('says what a code means, and shows one it does not know', () => {
    expect(explainClose(4408)).toMatch(/^4408: .*slowly/);
    expect(explainClose(4999, 'why')).toBe('4999: Closed. (why)');
  });
});

describe('socketUrl', () => {
  it('keeps host and port, and encodes the token', () => {
    expect(socketUrl('http://127.0.0.1:3000/x#y', 'a&b')).toBe('ws://127.0.0.1:3000/?since=a%26b');
  });
});
