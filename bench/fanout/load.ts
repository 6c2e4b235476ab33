/**
 * The load generator: thousands of websocket clients in one process that does nothing but count frames.
 *
 * Clients are bare TCP sockets with just enough of the protocol to be let in, so that the generator costs less
 * than what it measures. It is a child process and is told by messages what to wait for.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export type Protocol = 'raw' | 'socketio';

export type Command =
  | {
      readonly do: 'connect';
      readonly port: number;
      readonly protocol: Protocol;
      readonly tokens: readonly string[];
    }
  /** Answered by `received` when so many event frames have come in since the last answer. */
  | { readonly do: 'await'; readonly frames: number }
  | { readonly do: 'stop' };

export type Report =
  | { readonly did: 'connect'; readonly clients: number }
  | {
      readonly did: 'await';
      readonly frames: number;
      /** The fewest and the most frames any one client has had since the last answer. */
      readonly least: number;
      readonly most: number;
    }
  | { readonly did: 'fail'; readonly reason: string };

/** Shorter ones are greetings and heartbeats; events of the benchmark are longer. */
const eventBytes = 300;

class Client {
  frames = 0;
  private rest: Buffer = Buffer.alloc(0);
  private skip = 0;
  private upgraded = false;
  private greeted = false;

  constructor(
    private readonly socket: Socket,
    private readonly protocol: Protocol,
    token: string,
    private readonly onReady: () => void,
    private readonly onFrame: () => void,
  ) {
    const path = protocol === 'raw' ? `/?token=${token}` : '/socket.io/?EIO=4&transport=websocket';
    const key = randomBytes(16).toString('base64');
    socket.setNoDelay(true);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    this.token = token;
    socket.on('data', (bytes) => this.take(bytes));
  }
  private readonly token: string;

  private take(bytes: Buffer): void {
    if (!this.upgraded) {
      this.rest = Buffer.concat([this.rest, bytes]);
      const end = this.rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.rest.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101')))
        throw new Error(this.rest.toString().slice(0, 200));
      this.upgraded = true;
      bytes = this.rest.subarray(end + 4);
      this.rest = Buffer.alloc(0);
    }
    let at = 0;
    if (this.skip > 0) {
      at = Math.min(this.skip, bytes.length);
      this.skip -= at;
      if (this.skip > 0) return;
    }
    if (this.rest.length > 0) {
      bytes = Buffer.concat([this.rest, bytes.subarray(at)]);
      this.rest = Buffer.alloc(0);
      at = 0;
    }
    while (at + 2 <= bytes.length) {
      let header = 2;
      let length = (bytes[at + 1] ?? 0) & 127;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        header = 4;
        length = bytes.readUInt16BE(at + 2);
      } else if (length === 127) {
        if (at + 10 > bytes.length) break;
        header = 10;
        length = bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
      }
      const end = at + header + length;
      if (length >= eventBytes && this.greeted) {
        // Counted by its header: the body is never looked at.
        this.frames++;
        this.onFrame();
        if (end > bytes.length) {
          this.skip = end - bytes.length;
          return;
        }
      } else {
        if (end > bytes.length) break;
        this.small((bytes[at] ?? 0) & 15, bytes.toString('utf8', at + header, end));
      }
      at = end;
    }
    if (at < bytes.length) this.rest = Buffer.from(bytes.subarray(at));
  }

  private small(opcode: number, text: string): void {
    if (opcode === 9) return this.send(10, '');
    if (this.protocol === 'socketio') {
      if (text === '2') return this.send(1, '3');
      if (text.startsWith('0{')) return this.send(1, `40{"token":"${this.token}"}`);
    }
    if (text.includes('"connected"') || text.startsWith('40')) {
      // The product greets; a stock server's answer to CONNECT is all there is.
      if (text.includes('"connected"') || stock) {
        if (!this.greeted) this.onReady();
        this.greeted = true;
      }
    }
  }

  private send(opcode: number, text: string): void {
    const body = Buffer.from(text);
    const head = body.length < 126 ? Buffer.from([128 | opcode, 128 | body.length]) : Buffer.alloc(4);
    if (body.length >= 126) {
      head[0] = 128 | opcode;
      head[1] = 128 | 126;
      head.writeUInt16BE(body.length, 2);
    }
    // Masked with zeros: valid, and free.
    this.socket.write(Buffer.concat([head, Buffer.alloc(4), body]));
  }
}

const stock = process.argv.includes('--stock');
const clients: Client[] = [];
let total = 0;
let answered = 0;
let awaited: number | undefined;

const report = (message: Report) => process.send?.(message);

function check(): void {
  if (awaited === undefined || total - answered < awaited) return;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const client of clients) {
    least = Math.min(least, client.frames);
    most = Math.max(most, client.frames);
    client.frames = 0;
  }
  report({ did: 'await', frames: total - answered, least, most });
  answered = total;
  awaited = undefined;
}

async function open(command: Extract<Command, { do: 'connect' }>): Promise<void> {
  const atOnce = 50;
  let next = 0;
  const one = (token: string) =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(command.port, '127.0.0.1');
      socket.on('error', reject);
      socket.on('close', () => report({ did: 'fail', reason: 'a connection was closed' }));
      socket.once('connect', () => {
        clients.push(
          new Client(socket, command.protocol, token, resolve, () => {
            total++;
            if (awaited !== undefined && total - answered >= awaited) setImmediate(check);
          }),
        );
      });
    });
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let token = command.tokens[next++]; token !== undefined; token = command.tokens[next++])
        await one(token);
    }),
  );
  report({ did: 'connect', clients: clients.length });
}

process.on('message', (command: Command) => {
  switch (command.do) {
    case 'connect':
      open(command).catch((error: unknown) => report({ did: 'fail', reason: String(error) }));
      return;
    case 'await':
      awaited = command.frames;
      check();
      return;
    case 'stop':
      process.exit(0);
  }
});
