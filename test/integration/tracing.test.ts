import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../../src/errors.js';
import { loadTracing, traceParent } from '../../src/telemetry/tracing.js';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;

const exporter = new InMemorySpanExporter();
let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  database = await createDatabase();
  server = await startServer(database.url, { HASHI_TRACE_CONTEXT: 'true' });
});
beforeEach(() => exporter.reset());
afterAll(async () => {
  await server.stop();
  await database.drop();
  trace.disable();
});

const spans = (name: string): ReadableSpan[] =>
  exporter.getFinishedSpans().filter((span) => span.name === name);

describe('with HASHI_TRACE_CONTEXT', () => {
  it("continues a raw client's trace in its authentication", async () => {
    const client = rawClient(server, await server.token('alice'), {}, { headers: { traceparent } });
    await client.next('connected');
    const [span] = spans('hashi.authenticate');
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.parentSpanContext).toMatchObject({ spanId, isRemote: true });
    expect(span?.attributes).toEqual({ 'hashi.transport': 'websocket' });
    client.close();
  });

  it("continues a Socket.IO client's too", async () => {
    const client = ioClient(server, await server.token('alice'), { extraHeaders: { traceparent } });
    await client.next('connected');
    const [span] = spans('hashi.authenticate');
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.attributes).toEqual({ 'hashi.transport': 'socketio' });
    client.close();
  });

  it('marks a refused client with the code alone, and no token is in any span', async () => {
    const token = `${await server.token('alice')}x`;
    const client = rawClient(server, token, {}, { headers: { traceparent: `${traceparent}-more` } });
    await client.closed;
    const [span] = spans('hashi.authenticate');
    expect(span?.attributes).toEqual({ 'hashi.transport': 'websocket', 'hashi.error_code': 'AUTH_ERROR' });
    expect(span?.parentSpanContext).toBeUndefined();
    expect(span?.events).toEqual([]);
    for (const { name, attributes, status } of exporter.getFinishedSpans())
      expect(JSON.stringify([name, attributes, status])).not.toContain(token.slice(0, 20));
  });

  it('makes a span of each batch of the log, by its numbers', async () => {
    const client = rawClient(server, await server.token('alice'));
    await client.next('connected');
    await database.query('insert into contracts (token) values ($1), ($1)', ['0xhidden']);
    await client.next('contract:event');
    await client.next('contract:event');
    const batches = spans('hashi.batch');
    const entries = batches.reduce((sum, { attributes }) => sum + Number(attributes['hashi.entries']), 0);
    expect(entries).toBe(2);
    const last = batches.at(-1)?.attributes ?? {};
    expect(last['hashi.last_seq']).toBeGreaterThanOrEqual(Number(last['hashi.first_seq']));
    expect(JSON.stringify(batches.map(({ attributes }) => attributes))).not.toContain('0xhidden');
    client.close();
  });
});

it('makes no span unless it is asked to', async () => {
  const quiet = await startServer(database.url);
  const client = rawClient(quiet, await quiet.token('alice'), {}, { headers: { traceparent } });
  await client.next('connected');
  expect(spans('hashi.authenticate')).toEqual([]);
  client.close();
  await quiet.stop();
});

it('says what to install where there is no OpenTelemetry', async () => {
  const missing = loadTracing(() => Promise.reject(new Error('not found')));
  await expect(missing).rejects.toBeInstanceOf(OperatorError);
  await expect(missing).rejects.toThrow(/npm install @opentelemetry\/api/);
});

describe('a traceparent', () => {
  it('is read as the W3C writes it', () => {
    expect(traceParent(traceparent)).toEqual({ traceId, spanId, traceFlags: 1, isRemote: true });
    expect(traceParent(`00-${traceId}-${spanId}-00`)?.traceFlags).toBe(0);
    expect(traceParent(`cc-${traceId}-${spanId}-01-more`)?.traceId).toBe(traceId);
  });

  it.each([
    undefined,
    '',
    [traceparent],
    'nonsense',
    traceparent.toUpperCase(),
    `ff-${traceId}-${spanId}-01`,
    `${traceparent}-more`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `${traceparent}${'x'.repeat(100_000)}`,
  ])('that is none is as good as no header: %#', (header) => {
    expect(traceParent(header)).toBeUndefined();
  });
});
