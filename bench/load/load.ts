/** The load generator: thousands of clients in a process that does nothing but count frames, and time them if asked. */
import { connect } from 'node:net';
import { Client } from './client.js';
import type { Command, Report } from './messages.js';

const stock = process.argv.includes('--stock');
const connectingAtOnce = 50;

const clients: Client[] = [];
/** One buffer for all sockets: what is in it has been counted before the next read. */
const shared = Buffer.allocUnsafe(256 << 10);
const report = (message: Report) => process.send?.(message);

/** What is counted now. */
let expected = { total: Number.POSITIVE_INFINITY, each: 0 };
let total = 0;
let startedAt = 0;
/** When each event reached each client, in milliseconds since `startedAt`: client by client. */
let arrivals: Int32Array | undefined;
/** When each event was made, by its own word; all clients see the same order. */
const made: number[] = [];

function onFrames(client: Client, index: number, count: number): void {
  if (arrivals) {
    const now = Date.now() - startedAt;
    const first = index * expected.each + client.frames;
    for (let n = 0; n < count && client.frames + n < expected.each; n++) arrivals[first + n] = now;
  }
  client.frames += count;
  total += count;
  // Later: another frame, one too many, may stand right behind.
  if (total >= expected.total) setImmediate(finish);
}

function finish(): void {
  if (total < expected.total) return;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const client of clients) {
    least = Math.min(least, client.frames);
    most = Math.max(most, client.frames);
  }
  counting = false;
  report({ did: 'arrived', frames: total, least, most, delays: delays() });
  begin(Number.POSITIVE_INFINITY, 0, false);
}

/** A quarter of the events each, so that a lag that grows shows. */
function delays(): [number, number][][] {
  const quarters = Array.from({ length: 4 }, () => new Map<number, number>());
  arrivals?.forEach((at, n) => {
    const event = n % expected.each;
    const ms = startedAt + at - (made[event] ?? Number.NaN);
    const counts = quarters[Math.floor((event * 4) / expected.each)];
    counts?.set(ms, (counts.get(ms) ?? 0) + 1);
  });
  return quarters.map((counts) => [...counts]);
}

function begin(all: number, each: number, timed: boolean): void {
  expected = { total: all, each };
  total = 0;
  startedAt = Date.now();
  made.length = 0;
  arrivals = timed ? new Int32Array(clients.length * each) : undefined;
  for (const client of clients) client.frames = 0;
}

/** How often it looks at its sockets while it counts, in milliseconds. */
const lookMs = 0.5;
const nobody = new Int32Array(new SharedArrayBuffer(4));
let counting = false;

/**
 * A reader that waits for its sockets is woken by the server's own write, on the server's account: a message from core
 * to core that costs as much as the write. Clients elsewhere cost nothing of the kind, and whoever writes more slowly
 * pays it more often. So it sleeps where no socket wakes it.
 */
function look(): void {
  if (!counting) return;
  Atomics.wait(nobody, 0, 0, lookMs);
  setImmediate(look);
}

function expect(all: number, each: number, timed: boolean): void {
  if (total > 0) return void report({ did: 'fail', reason: `${total} frames that nobody waited for` });
  begin(all, each, timed);
  if (!counting && !timed && !process.env.SLEEPY) {
    counting = true;
    look();
  }
  report({ did: 'expect' });
}

function note(text: string): void {
  if (!arrivals) return;
  const [, timestamp = ''] = /"timestamp":"([^"]+)"/.exec(text) ?? [];
  made.push(Date.parse(timestamp));
}

function one({ port, protocol }: Extract<Command, { do: 'connect' }>, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let client: Client | undefined;
    const onread = {
      buffer: shared,
      callback(length: number) {
        client?.take(shared.subarray(0, length));
        return true;
      },
    };
    const socket = connect({ port, host: '127.0.0.1', onread });
    socket.on('error', reject);
    socket.on('close', () => report({ did: 'fail', reason: 'a connection was closed' }));
    socket.once('connect', () => {
      const index = clients.length;
      client = new Client(socket, {
        protocol,
        token,
        stock,
        onReady: resolve,
        onFrames: (self, count) => onFrames(self, index, count),
        ...(index === 0 && { onEvent: note }),
      });
      clients.push(client);
    });
  });
}

async function open(command: Extract<Command, { do: 'connect' }>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let token = command.tokens[next++]; token !== undefined; token = command.tokens[next++])
      await one(command, token);
  };
  await Promise.all(Array.from({ length: connectingAtOnce }, worker));
  report({ did: 'connect', clients: clients.length });
}

process.on('message', (command: Command) => {
  switch (command.do) {
    case 'connect':
      open(command).catch((error: unknown) => report({ did: 'fail', reason: String(error) }));
      return;
    case 'expect':
      return expect(command.frames * clients.length, command.frames, command.timed);
    case 'expect total':
      return expect(command.frames, 0, false);
    case 'stop':
      process.exit(0);
  }
});
process.on('disconnect', () => process.exit(1));
