/** A raw and a Socket.IO client that live through a fault, and what must hold for them. */
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { ioClient, rawClient, type IoClient, type Message, type RawClient } from '../../support/clients.js';
import type { TestServer } from '../../support/server.js';
import { readyz } from './vitals.js';

/** Where rows are written; each inserts a contract and returns its id once it is committed. */
export type Write = () => Promise<string>;

export interface Witnesses {
  readonly raw: RawClient;
  readonly io: IoClient;
  /** Both get an answer to a ping, on the connections that they have had from the start. */
  ping(): Promise<void>;
  /** Connections that have been lost. */
  lost(): number;
  /** Resolves when both have been told of the last of these contracts. */
  told(written: readonly string[]): Promise<void>;
  /** What each has been told of. */
  contracts(): string[][];
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
  const lost = () => disconnects + (raw.ws.readyState === WebSocket.OPEN ? 0 : 1);
  let pings = 0;
  const told = async (written: readonly string[]) => {
    const last = written.at(-1);
    for (const client of [raw, io]) {
      if (!contracts(client.messages).includes(last ?? '')) {
        await client.next((message) => message.data?.contractId === last);
      }
    }
  };
  return {
    raw,
    io,
    async ping() {
      const id = `ping-${++pings}`;
      // Beside what is waited for otherwise: nothing is passed over.
      const pong = new Promise<void>((resolve) => {
        const look = (bytes: Buffer) => {
          const { type, data } = JSON.parse(bytes.toString('utf8')) as Message;
          if (type !== 'pong' || data.id !== id) return;
          raw.ws.off('message', look);
          resolve();
        };
        raw.ws.on('message', look);
      });
      raw.send({ type: 'ping', id });
      const answers = await Promise.all([
        pong,
        io.socket.timeout(20_000).emitWithAck('ping') as Promise<unknown>,
      ]);
      expect(answers[1]).toMatchObject({ ok: true });
      expect(lost()).toBe(0);
    },
    lost,
    told,
    contracts: () => [raw, io].map((client) => contracts(client.messages)),
    async expectAll(written) {
      await told(written);
      expect(contracts(raw.messages)).toEqual(written);
      expect(contracts(io.messages)).toEqual(written);
      expect(lost()).toBe(0);
    },
    close() {
      raw.close();
      io.close();
    },
  };
}

export { readyz };

/** Resolves when `/readyz` answers so. */
export async function untilReadyz(server: { readonly url: string }, status: 200 | 503): Promise<void> {
  await expect.poll(() => readyz(server), { timeout: 25_000, interval: 50 }).toBe(status);
}

/** Once the fault is over: as `expectServed`, when `/readyz` has got to know that it is. */
export async function expectServedAgain(watched: Watched | readonly Watched[]): Promise<void> {
  await Promise.all([watched].flat().map(({ server }) => untilReadyz(server, 200)));
  await expectServed(watched, 200);
}

/** What is watched while a fault lasts. */
export interface Watched {
  readonly server: { readonly url: string };
  readonly witnesses: Pick<Witnesses, 'ping'>;
}

/**
 * What every fault of the database must leave as it is, asked while it lasts: the connections are open, their pings are
 * answered, and `/readyz` tells the truth. That the log cannot be read takes some seconds to be known: 503 is waited
 * for. 200 must be there all the time.
 */
export async function expectServed(watched: Watched | readonly Watched[], status: 200 | 503): Promise<void> {
  await Promise.all(
    [watched].flat().map(async ({ server, witnesses }) => {
      if (status === 503) await untilReadyz(server, 503);
      await witnesses.ping();
      expect(await readyz(server)).toBe(status);
    }),
  );
}
