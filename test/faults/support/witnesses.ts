/** A raw and a Socket.IO client that live through a fault, and what must hold for them. */
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { ioClient, rawClient, type IoClient, type Message, type RawClient } from '../../support/clients.js';
import type { TestServer } from '../../support/server.js';

/** Where rows are written; each inserts a contract and returns its id once it is committed. */
export type Write = () => Promise<string>;

export interface Witnesses {
  readonly raw: RawClient;
  readonly io: IoClient;
  /** Both get an answer to a ping. */
  ping(): Promise<void>;
  /**
   * Both have received exactly these contracts, in this order or, where writes overlapped, in one order for both; and
   * neither connection has been lost.
   */
  expectAll(written: readonly string[]): Promise<void>;
  close(): void;
}

const contracts = (messages: readonly Message[]) =>
  messages.flatMap(({ type, data }) => (type === 'contract:event' ? [data.contractId as string] : []));

export async function summonWitnesses(server: TestServer, player = 'witness'): Promise<Witnesses> {
  const token = await server.token(player);
  const raw = rawClient(server, token, { resume: '1' });
  const io = ioClient(server, token);
  await Promise.all([raw.next('connected'), io.next('connected')]);
  let disconnects = 0;
  io.socket.on('disconnect', () => disconnects++);
  let pings = 0;
  return {
    raw,
    io,
    async ping() {
      const id = `ping-${++pings}`;
      raw.send({ type: 'ping', id });
      const answers = await Promise.all([
        raw.next((message) => message.type === 'pong' && message.data.id === id),
        io.socket.timeout(5000).emitWithAck('ping') as Promise<unknown>,
      ]);
      expect(answers[1]).toMatchObject({ ok: true });
    },
    async expectAll(written) {
      const last = written.at(-1);
      for (const client of [raw, io]) {
        if (!contracts(client.messages).includes(last ?? '')) {
          await client.next((message) => message.data?.contractId === last);
        }
      }
      expect(contracts(raw.messages)).toEqual(written);
      expect(contracts(io.messages)).toEqual(written);
      expect(raw.ws.readyState).toBe(WebSocket.OPEN);
      expect(disconnects).toBe(0);
    },
    close() {
      raw.close();
      io.close();
    },
  };
}

/** The status that a load balancer sees. */
export async function readyz({ url }: { readonly url: string }): Promise<number> {
  return (await fetch(`${url}/readyz`)).status;
}

/** Resolves when `/readyz` answers so. */
export async function untilReadyz(server: { readonly url: string }, status: 200 | 503): Promise<void> {
  await expect.poll(() => readyz(server), { timeout: 25_000, interval: 50 }).toBe(status);
}
