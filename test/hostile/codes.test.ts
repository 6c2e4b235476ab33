/** What operators see of errors and closes: each code is counted as it is told, whatever the transport. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { drivers, pollingDriver, rawDriver, type Client, type Driver } from '../conformance/drivers.js';
import type { ErrorCode } from '../../src/errors.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ioClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { counted, eventually, metric } from './observe.js';
import { frame, rawWire } from './wire.js';

let database: TestDatabase;
let server: TestServer;
/** Of keys that nobody serves. */
let keyless: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(
    database.url,
    { HASHI_MESSAGES_PER_SECOND: '1', HASHI_MESSAGE_BURST: '30', HASHI_MAX_EVENT_BYTES: '2048' },
    {
      messages: {
        explode() {
          throw new Error('a bug');
        },
      },
    },
  );
  keyless = await startServer(database.url, {
    AUTH_JWKS_URL: 'http://127.0.0.1:9/jwks.json',
    AUTH_AUDIENCE: 'hashi-development',
  });
});
afterAll(async () => {
  await Promise.all([server.stop(), keyless.stop()]);
  await database.drop();
});

async function open(driver: Driver, player = 'somebody'): Promise<Client> {
  const client = driver.connect(server, await server.token(player));
  await client.next('connected');
  return client;
}

/** Whoever else was connected has been seen to go: what everyone is told is told to one. */
const nobodyElse = () =>
  eventually(
    () => metric(server, 'hashi_connections'),
    (connections) => connections === 1,
  );

/** A client that takes up a session which nobody has. */
async function resuming(driver: Driver) {
  const token = await server.token('late');
  if (driver === rawDriver) return rawDriver.connect(server, token, { query: { since: 'nothing' } });
  const transports = [driver === pollingDriver ? 'polling' : 'websocket'];
  return ioClient(server, undefined, { transports, auth: { token, pid: 'nobody', offset: 'nothing' } });
}

/** Says it once, and asks it once; returns when both are answered. */
function request(type: string, data?: unknown) {
  return [
    async (driver: Driver) => {
      const client = await open(driver);
      client.say(type, data);
      await client.next('error');
      return client;
    },
    async (driver: Driver) => {
      const client = await open(driver);
      // What closes may come before the answer.
      await client.ask(type, data).catch((_closed: unknown) => undefined);
      return client;
    },
  ];
}

type Act = (driver: Driver) => Promise<{ close(): void }>;
interface Told {
  /** The close that follows; a raw client sees it. */
  readonly close?: number;
  /** What is counted besides. */
  readonly also?: string;
  readonly at?: () => TestServer;
  readonly acts: readonly Act[];
}

/** Each code with what brings it about, or with the test that reads its metric. */
const codes: Record<ErrorCode, Told | string> = {
  AUTH_ERROR: {
    close: 4401,
    also: 'hashi_auth_failures_total',
    acts: [
      async (driver) => {
        const client = driver.connect(server, 'nonsense');
        await client.refused;
        return client;
      },
    ],
  },
  AUTH_UNAVAILABLE: {
    close: 1013,
    also: 'hashi_auth_failures_total',
    at: () => keyless,
    acts: [
      async (driver) => {
        const client = driver.connect(keyless, await server.token('somebody'));
        await client.refused;
        return client;
      },
    ],
  },
  INVALID_MESSAGE: { acts: request('subscribe', ['no lobby']) },
  UNKNOWN_TYPE: { acts: request('nothing') },
  SUBSCRIBE_DENIED: { acts: request('subscribe', { lobbyCode: 'NOBODY' }) },
  INTERNAL_ERROR: { close: 1011, acts: request('explode') },
  RATE_LIMITED: {
    close: 4429,
    acts: [
      async (driver) => {
        const client = await open(driver);
        for (let message = 0; message < 100; message++) client.say('ping');
        await client.ended;
        return client;
      },
    ],
  },
  RESUME_FAILED: {
    also: 'hashi_resumes_total',
    acts: [
      async (driver) => {
        const client = await resuming(driver);
        await client.next('error');
        return client;
      },
    ],
  },
  RESYNC_REQUIRED: {
    acts: [
      // Too large for everyone; what memberships are, not to be told as events.
      `insert into contracts (terms) values (json_build_object('filler', repeat('x', 3000)))`,
      'truncate lobby_participants',
    ].map((sql) => async (driver) => {
      const client = await open(driver);
      await nobodyElse();
      await database.query(sql);
      await client.next('error');
      return client;
    }),
  },
  TOO_MANY_SUBSCRIPTIONS: 'limits.test.ts',
  TOO_MANY_CONNECTIONS: 'limits.test.ts',
  TOKEN_EXPIRED: 'limits.test.ts',
  SLOW_CONSUMER: 'slow-readers.test.ts',
  SERVER_RESTARTING: 'test/conformance/drain.test.ts',
};

const told = Object.entries(codes).flatMap(([code, how]) =>
  typeof how === 'string' ? [] : [{ code, ...how }],
);

describe.each(drivers)('$name', (driver) => {
  it.each(told)('counts $code', async ({ code, close, also, at = () => server, acts }) => {
    const metrics: [string, string][] = [['hashi_errors_total', code]];
    // Those of Socket.IO have no codes.
    if (close !== undefined && driver === rawDriver) metrics.push(['hashi_closes_total', String(close)]);
    if (also !== undefined) metrics.push([also, code === 'RESUME_FAILED' ? 'failed' : code]);
    for (const act of acts) {
      let client: { close(): void } | undefined;
      await counted(at(), metrics, async () => (client = await act(driver)));
      client?.close();
    }
  });
});

it('counts what stands in a replay for an event that is too large', async () => {
  const away = await open(rawDriver);
  const { cursor } = away.messages[0]?.data;
  away.close();
  const events = () => metric(server, 'hashi_events_total', 'contract.created');
  const before = await events();
  await database.query(
    `insert into contracts (terms) values (json_build_object('filler', repeat('x', 3000)))`,
  );
  await eventually(events, (count) => count > before);
  await counted(server, [['hashi_errors_total', 'RESYNC_REQUIRED']], async () => {
    const client = rawDriver.connect(server, await server.token('somebody'), { query: { since: cursor } });
    await client.next('error');
    client.close();
  });
});

it('counts that a raw client is told it talks too much below its messages, and its close', async () => {
  const wire = await rawWire(server, await server.token('pinger'));
  const metrics = [
    ['hashi_errors_total', 'RATE_LIMITED'],
    ['hashi_closes_total', '4429'],
  ] as const;
  await counted(server, metrics, async () => {
    wire.send(Buffer.concat(Array.from({ length: 100 }, () => frame('', { first: 0x89 }))));
    await wire.over;
  });
});

it.each([
  [1002, 'a reserved opcode', frame('', { first: 0x83 })],
  [1007, 'text that is no UTF-8', frame(Buffer.from([0xc3, 0x28]))],
  [
    1008,
    'a message in too many pieces',
    Buffer.concat([
      frame('"', { first: 0x01 }),
      ...Array.from({ length: 200 }, () => frame('', { first: 0x00 })),
    ]),
  ],
  [1009, 'a length of a gigabyte', frame('x', { claims: 2 ** 30 })],
])('counts the close %i of a raw client for %s', async (code, _what, bytes) => {
  const wire = await rawWire(server, await server.token('breaker'));
  await counted(server, [['hashi_closes_total', String(code)]], async () => {
    wire.send(bytes);
    await wire.over;
  });
});
