/** Tokens and presigned URLs come by in many ways; they are never written down. */
import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ioClient, rawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { dial, upgrade } from './wire.js';

let database: TestDatabase;
let server: TestServer;
const exporter = new InMemorySpanExporter();

beforeAll(async () => {
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  database = await createDatabase();
  server = await startServer(database.url, {
    LOG_LEVEL: 'trace',
    HASHI_TRACE_CONTEXT: 'true',
    HASHI_METRICS_TOKEN: 'metrics-secret-word',
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  await database.drop();
  trace.disable();
});

/** What a command prints, whatever it thinks of this database. */
async function printed(...args: string[]): Promise<string> {
  vi.stubEnv('DATABASE_URL', database.url);
  let out = '';
  await run(args, { out: (text) => (out += text), err: (text) => (out += text) });
  expect(out).not.toBe('');
  return out;
}

const presigned = 'https://bucket.example.com/key?X-Amz-Signature=presigned-secret-word';

it('never writes a token or a presigned URL to the log, to metrics, traces or errors, or to anybody it is not of', async () => {
  const good = await server.token('p1');
  const other = await server.token('p2');
  const expired = await server.token('p1', { expiresInSeconds: -100 });
  const [header, claims] = good.split('.');
  const forged = `${header}.${claims}.${'A'.repeat(86)}`;
  const opaque = 'opaque-secret-word';
  const secrets = [good, other, expired, forged, opaque];
  const clients = [];

  // Every way to bring a token, with every kind of token.
  for (const token of secrets) {
    clients.push(
      rawClient(server, token),
      rawClient(server, undefined, {}, { headers: { authorization: `Bearer ${token}` } }),
      rawClient(server, undefined, {}, { protocols: ['hashi', `bearer.${token}`] }),
    );
    for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
      clients.push(
        ioClient(server, token, { transports }),
        ioClient(server, undefined, { transports, query: { token } }),
        ioClient(server, undefined, { transports, extraHeaders: { authorization: `Bearer ${token}` } }),
      );
    }
  }
  const ends: unknown[] = [];
  for (const client of clients) {
    if ('closed' in client) void client.closed.then((end) => ends.push(end));
    else client.socket.on('disconnect', (...why) => ends.push(why));
  }
  const heard = await Promise.all(
    clients.map(async (client) => {
      if ('socket' in client) {
        return Promise.race([
          client.next('connected'),
          new Promise((resolve) => client.socket.once('connect_error', (error) => resolve(error))),
        ]);
      }
      return client.next((message) => message.type === 'connected' || message.type === 'error');
    }),
  );
  expect(heard).toHaveLength(60);
  // What other instances may fetch of a client.
  const seen: object[] = (await server.server.io.fetchSockets()).map(({ handshake, data }) => ({
    handshake,
    data,
  }));
  expect(seen).toHaveLength(24);
  // What a program may print of it.
  for (const { request } of server.server.io.sockets.sockets.values()) {
    const { url, headers, rawHeaders } = request;
    seen.push({ url, headers, rawHeaders });
  }

  // Refreshed rightly, wrongly, and by what is none.
  const raw = rawClient(server, good);
  const io = ioClient(server, good);
  await Promise.all([raw.next('connected'), io.next('connected')]);
  raw.send({ type: 'auth', data: { token: good }, id: 1 });
  await raw.next('ack');
  raw.send({ type: 'auth', data: { token: opaque } });
  const refused = await raw.closed;
  expect(refused.code).toBe(4401);
  ends.push(refused);
  expect(await io.socket.emitWithAck('auth', { token: other })).toMatchObject({
    ok: false,
    error: { code: 'AUTH_ERROR' },
  });

  // Where something else is wrong at the same time.
  for (const target of [`//?token=${good}`, `/nowhere?token=${good}`, `/socket.io/?token=${good}&EIO=3`]) {
    const wire = await dial(server);
    wire.send(upgrade(target, { Authorization: `Bearer ${good}` }));
    await wire.over;
  }
  const broken = await dial(server);
  broken.send(upgrade(`/?token=${good}`));
  await broken.seen('101 Switching');
  broken.send(Buffer.from([0xff, 0xff]));
  await broken.over;
  await fetch(`${server.url}/metrics?token=${good}`, { headers: { authorization: `Bearer ${good}` } });

  // A presigned URL of a row, and one in a field where it does not belong.
  const [lobby] = await database.query(`insert into lobbies (code) values ('SECRET') returning id`);
  await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'p3')`, [lobby?.id]);
  const [contract] = await database.query(`insert into contracts (lobby_id) values ($1) returning id`, [
    lobby?.id,
  ]);
  const member = rawClient(server, await server.token('p3'));
  await member.next('connected');
  await database.query(
    `insert into storage (contract_id, player_id, kind, presigned_url, upload_id)
     values ($1, 'p3', 'presigned_url', $2, 'upload-secret-word')`,
    [contract?.id, presigned],
  );
  await member.next('storage.presigned_url_created');
  expect(JSON.stringify(member.messages)).not.toMatch(/presigned-secret-word|upload-secret-word/);

  const metrics = await fetch(`${server.url}/metrics`, {
    headers: { authorization: 'Bearer metrics-secret-word' },
  });
  const told = JSON.stringify([heard, ends, seen, clients.map(({ messages }) => messages)], (_key, value) =>
    value instanceof Error ? { ...value, text: String(value) } : (value as unknown),
  );
  const spans = exporter.getFinishedSpans().map(({ name, attributes, events, status, links }) => {
    return JSON.stringify([name, attributes, events, status, links]);
  });
  expect(spans.length).toBeGreaterThan(60);
  const commands = [
    await printed('doctor'),
    await printed('config'),
    await printed('tail', '--since', '0', '--no-follow', '--json'),
    await printed('tail', '--since', '0', '--no-follow'),
    await printed('why', '1', 'p3'),
  ];
  const written = [...server.logs, await metrics.text(), told, ...spans, ...commands].join('\n');
  const parts = secrets.flatMap((token) => token.split('.')).filter((part) => part.length > 8);
  const hints = [
    ...parts,
    'presigned-secret-word',
    'upload-secret-word',
    'metrics-secret-word',
    good.slice(0, 30),
  ];
  expect(hints.filter((secret) => written.includes(secret))).toEqual([]);
  // The log is not silent: it is the level at which everything is written.
  expect(server.logs.length).toBeGreaterThan(2);
  for (const client of [...clients, io, member]) client.close();
});
