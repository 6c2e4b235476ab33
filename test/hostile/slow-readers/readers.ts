/** Honest clients that note how long each event takes to reach them, and whether one is missing. */
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import type { ServerProcess } from '../process.js';

/** The number of the event, found without parsing ten kilobytes: what parsing costs is no matter here. */
const numberIn = (text: string) => Number(/"chainId":(\d+)/.exec(text)?.[1] ?? Number.NaN);

export class Readers {
  /** When each event was written, by its number. */
  readonly sentAt = new Map<number, number>();
  /** Milliseconds from the writing to the receiving of each event, by every client. */
  delays: number[] = [];
  readonly wrong: string[] = [];
  private readonly last: number[] = [];
  private readonly closers: (() => void)[] = [];
  private leaving = false;

  /** Three raw clients for every one of Socket.IO. */
  static async connect(server: ServerProcess, clients: number): Promise<Readers> {
    const readers = new Readers();
    for (let at = 0; at < clients; at++) await readers.join(server, at, await server.token(`honest-${at}`));
    return readers;
  }

  private async join(server: ServerProcess, at: number, token: string): Promise<void> {
    this.last[at] = 0;
    if (at % 4 === 3) {
      const socket = io(server.url, { auth: { token }, transports: ['websocket'], forceNew: true });
      this.closers.push(() => void socket.close());
      socket.on('disconnect', (reason) => this.over(at, reason));
      // Before the parser, as with the raw client.
      socket.io.engine.on('packet', ({ data }) => typeof data === 'string' && this.take(at, data));
      await new Promise((resolve) => socket.once('connected', resolve));
      return;
    }
    const ws = new WebSocket(`${server.wsUrl}/?token=${token}`);
    this.closers.push(() => ws.close());
    await new Promise<void>((resolve, reject) => {
      ws.on('error', reject);
      ws.on('close', (code) => this.over(at, String(code)));
      ws.on('message', (data: Buffer) => {
        const text = data.toString('latin1');
        if (text.startsWith('{"type":"connected"')) resolve();
        else this.take(at, text);
      });
    });
  }

  private take(at: number, text: string): void {
    const now = performance.now();
    if (!text.includes('contract:event')) return;
    const event = numberIn(text);
    const due = (this.last[at] ?? 0) + 1;
    if (event !== due) this.wrong.push(`client ${at} got event ${event} where ${due} was due`);
    this.last[at] = event;
    this.delays.push(now - (this.sentAt.get(event) ?? Number.NaN));
  }

  private over(at: number, reason: string): void {
    if (!this.leaving) this.wrong.push(`client ${at} was disconnected: ${reason}`);
  }

  /** Whether every client has got everything up to this event. */
  has(event: number): boolean {
    return this.last.every((last) => last >= event);
  }

  leave(): void {
    this.leaving = true;
    for (const close of this.closers) close();
  }
}
