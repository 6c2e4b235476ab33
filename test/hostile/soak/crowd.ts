/** Many honest clients in little memory: each remembers the last event it got, and complains about the next one. */
import { io, type Socket } from 'socket.io-client';
import WebSocket from 'ws';
import type { ServerProcess } from '../process.js';

export class Crowd {
  private readonly closers: (() => void)[] = [];
  /** The number of the last event each has got. */
  private readonly last: number[] = [];
  readonly wrong: string[] = [];
  /** Socket.IO clients that lost their connection and have taken their session up again. */
  cameBack = 0;
  private readonly comingBack = new Set<number>();
  /** Milliseconds from the writing to the receiving of each event, by the client that was asked to measure. */
  readonly delays: number[] = [];

  static async connect(server: ServerProcess, clients: number): Promise<Crowd> {
    const crowd = new Crowd();
    // A few at a time, as they would come.
    for (let at = 0; at < clients; at += 50) {
      const wave = Math.min(50, clients - at);
      await Promise.all(Array.from({ length: wave }, (_, of) => crowd.join(server, at + of)));
    }
    return crowd;
  }

  private async join(server: ServerProcess, index: number): Promise<void> {
    const token = await server.token(`honest-${index}`);
    this.last[index] = 0;
    await (index % 4 === 3 ? this.joinSocketIo(server, index, token) : this.joinRaw(server, index, token));
  }

  private joinRaw(server: ServerProcess, index: number, token: string): Promise<void> {
    const ws = new WebSocket(`${server.wsUrl}/?token=${token}`);
    this.closers.push(() => ws.close());
    return new Promise((resolve, reject) => {
      ws.on('error', reject);
      ws.on('close', (code) => this.over(index, String(code)));
      ws.on('message', (text: Buffer) => {
        const message = JSON.parse(text.toString('utf8')) as { type: string; data: unknown };
        if (message.type === 'connected') resolve();
        else this.take(index, message.type, message.data);
      });
    });
  }

  private joinSocketIo(server: ServerProcess, index: number, token: string): Promise<void> {
    const transports = index % 40 === 3 ? ['polling'] : ['websocket'];
    const socket: Socket = io(server.url, { auth: { token }, transports, forceNew: true });
    this.closers.push(() => void socket.close());
    // A request of polling can be lost on a busy machine: the client is then to come back by itself, and to recover.
    socket.on('disconnect', (reason) => {
      if (socket.active && !this.leaving) this.comingBack.add(index);
      else this.over(index, reason);
    });
    socket.on('connect', () => {
      if (!this.comingBack.delete(index)) return;
      this.cameBack++;
      if (!socket.recovered) this.wrong.push(`client ${index} came back and was not recovered`);
    });
    return new Promise((resolve, reject) => {
      socket.on('connect_error', reject);
      socket.onAny((type: string, data: unknown) => {
        if (type === 'connected') resolve();
        else this.take(index, type, data);
      });
    });
  }

  private take(index: number, type: string, data: unknown): void {
    if (type !== 'contract:event') {
      this.wrong.push(`client ${index} was sent ${type} ${JSON.stringify(data).slice(0, 200)}`);
      return;
    }
    const { payload, timestamp } = data as { payload: { chainId: number | null }; timestamp: string };
    if (payload.chainId === null) return;
    const expected = (this.last[index] ?? 0) + 1;
    if (payload.chainId !== expected) {
      this.wrong.push(`client ${index} got event ${payload.chainId} where ${expected} was due`);
    }
    this.last[index] = payload.chainId;
    if (index % 100 === 0) this.delays.push(Date.now() - Date.parse(timestamp));
  }

  private over(index: number, reason: string): void {
    if (!this.leaving) this.wrong.push(`client ${index} was disconnected: ${reason}`);
  }

  private leaving = false;

  /** Whether every client has got everything up to this event. */
  has(event: number): boolean {
    return this.last.every((last) => last >= event);
  }

  leave(): void {
    this.leaving = true;
    for (const close of this.closers) close();
  }
}
