/** Bytes on a bare TCP socket, for saying what no stock client would ever say. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { TestServer } from '../support/server.js';

/** One end of a TCP connection. */
export interface Wire {
  readonly socket: Socket;
  send(bytes: Buffer | string): void;
  /** Everything received so far. */
  text(): string;
  /** Resolves with everything received once it contains this. */
  seen(part: string | RegExp): Promise<string>;
  /** Resolves with everything received once the server has ended or reset the connection. */
  readonly over: Promise<string>;
  reset(): void;
}

export interface DialOptions {
  /** Keeps its side open when the server has closed its own. */
  readonly halfOpen?: boolean;
}

export async function dial(
  server: Pick<TestServer, 'url'>,
  { halfOpen = false }: DialOptions = {},
): Promise<Wire> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: halfOpen });
  let received = Buffer.alloc(0);
  let waiting: (() => void)[] = [];
  const text = () => received.toString('latin1');
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (const look of waiting) look();
  });
  let ended = false;
  const over = new Promise<string>((resolve) => {
    const end = () => {
      ended = true;
      for (const look of waiting) look();
      resolve(text());
    };
    socket.on('end', end).on('close', end);
    // A reset is one way for the server to say no.
    socket.on('error', end);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  return {
    socket,
    send: (bytes) => void (socket.writable && socket.write(bytes)),
    text,
    over,
    seen: (part) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = typeof part === 'string' ? text().includes(part) : part.test(text());
          if (!found && !ended) return;
          waiting = waiting.filter((each) => each !== look);
          if (found) resolve(text());
          else reject(new Error(`the server ended the connection after: ${text().slice(0, 300)}`));
        };
        waiting.push(look);
        look();
      }),
    reset: () => void socket.resetAndDestroy(),
  };
}

/** The text of a request that asks for a WebSocket; a header of `null` is left out. */
export function upgrade(target = '/', headers: Record<string, string | null> = {}): string {
  const all: Record<string, string | null> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export interface FrameOptions {
  /** FIN, the three reserved bits and the opcode: 0x81 is a whole text message. */
  readonly first?: number;
  readonly masked?: boolean;
  /** What the header says the length is. */
  readonly claims?: number | bigint;
}

/** A frame as a client sends it, or as none ever should. */
export function frame(payload: Buffer | string = '', options: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload as string);
  const { first = 0x81, masked = true, claims = body.length } = options;
  const bit = masked ? 0x80 : 0;
  const length = BigInt(claims);
  const header =
    length < 126n
      ? Buffer.from([first, bit | Number(length)])
      : length < 65_536n
        ? Buffer.from([first, bit | 126, Number(length) >> 8, Number(length) & 255])
        : Buffer.concat([Buffer.from([first, bit | 127]), bigEndian(length)]);
  if (!masked) return Buffer.concat([header, body]);
  const mask = randomBytes(4);
  return Buffer.concat([header, mask, body.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A raw client, admitted, by hand. */
export async function rawWire(server: Pick<TestServer, 'url'>, token: string): Promise<Wire> {
  const wire = await dial(server);
  wire.send(upgrade(`/?token=${token}`));
  await wire.seen('"connected"');
  return wire;
}

/** A Socket.IO client by websocket, by hand, whose CONNECT has not been sent. */
export async function engineWire(server: Pick<TestServer, 'url'>): Promise<Wire> {
  const wire = await dial(server);
  wire.send(upgrade('/socket.io/?EIO=4&transport=websocket'));
  await wire.seen('"sid"');
  return wire;
}

export async function socketIoWire(server: Pick<TestServer, 'url'>, token: string): Promise<Wire> {
  const wire = await engineWire(server);
  wire.send(frame(`40${JSON.stringify({ token })}`));
  await wire.seen('"connected"');
  return wire;
}

/** The URL of a polling session, admitted, that nobody polls from now on. */
export async function pollingSession(server: Pick<TestServer, 'url'>, token: string): Promise<string> {
  const handshake = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(handshake)).text())?.[1] ?? '';
  const session = `${handshake}&sid=${sid}`;
  await fetch(session, { method: 'POST', body: `40${JSON.stringify({ token })}` });
  for (let seen = ''; !seen.includes('"connected"');) {
    const poll = await fetch(session);
    // A session that has ended meanwhile is answered at once, for ever.
    if (!poll.ok) throw new Error(`the session ended with ${poll.status} before it was let in`);
    const packets = (await poll.text()).split('\x1e');
    if (packets.includes('2')) await fetch(session, { method: 'POST', body: '3' });
    seen += packets.join('');
  }
  return session;
}

/** The code of the last close frame in what was received, or null. */
export function closeCodeIn(received: string): number | null {
  const at = received.lastIndexOf('\x88');
  if (at < 0 || received.length < at + 4) return null;
  return (received.charCodeAt(at + 2) << 8) | received.charCodeAt(at + 3);
}
