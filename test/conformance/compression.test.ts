/** Compressed frames: agreed to as RFC 7692 says, shared by those who agreed, in order with everything else. */
import { randomUUID } from 'node:crypto';
import { deflateRawSync, inflateRawSync, constants } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { Outgoing } from '../../src/protocol/outgoing.js';
import { ioClient, rawClient, type TestClient } from '../support/clients.js';
import { somebody, useWorld } from './world.js';

const world = useWorld({ HASHI_PERMESSAGE_DEFLATE: 'true', HASHI_MAX_MESSAGE_BYTES: '4096' });

const compressible = { text: 'the same again and again '.repeat(2000) };

async function rawWith(perMessageDeflate: WebSocket.ClientOptions['perMessageDeflate'] = true) {
  const token = await world.server.token(somebody());
  const client = world.keep(rawClient(world.server, token, {}, { perMessageDeflate }));
  await client.next('connected');
  return client;
}

async function ioWith(perMessageDeflate: boolean, transports = ['websocket']) {
  const token = await world.server.token(somebody());
  const options = { transports, perMessageDeflate: perMessageDeflate ? { threshold: 0 } : undefined };
  const client = world.keep(ioClient(world.server, token, options as object));
  await client.next('connected');
  return client;
}

/** What the server answers to an offer of extensions. */
async function answerTo(offer: string): Promise<string | undefined> {
  const token = await world.server.token(somebody());
  const socket = new WebSocket(`${world.server.wsUrl}/?token=${token}`, {
    perMessageDeflate: false,
    headers: { 'Sec-WebSocket-Extensions': offer },
  });
  const answer = await new Promise<string | undefined>((resolve, reject) => {
    socket.on('upgrade', (response) => resolve(response.headers['sec-websocket-extensions']));
    // The stock client did not offer it itself, and gives the connection up: after the upgrade.
    socket.on('error', reject);
  });
  socket.terminate();
  return answer;
}

describe('negotiation', () => {
  it('agrees to no context on either side', async () => {
    const answer = await answerTo('permessage-deflate; client_max_window_bits');
    expect(answer?.split('; ').sort()).toEqual([
      'client_no_context_takeover',
      'permessage-deflate',
      'server_no_context_takeover',
    ]);
  });

  it('passes over an offer that wants a smaller window than shared frames have', async () => {
    expect(await answerTo('permessage-deflate; server_max_window_bits=10')).toBeUndefined();
    expect(await answerTo('permessage-deflate; server_max_window_bits=10, permessage-deflate')).toMatch(
      /^permessage-deflate/,
    );
  });
});

describe('events', () => {
  it('come the same and in the same order to every kind of client, compressed or not', async () => {
    const clients: TestClient[] = [
      await rawWith(true),
      await rawWith(false),
      await ioWith(true),
      await ioWith(false),
      await ioWith(true, ['polling', 'websocket']),
      await ioWith(true, ['polling']),
    ];
    const sizes = [0, 3000, 1, 200_000, 2, 400_000, 3, 600];
    for (const [n, size] of sizes.entries()) {
      await world.insert('contracts', { token: String(n), terms: { random: 'x'.repeat(size) } });
    }
    // Together, so that they share frames and exceed what is compressed in one turn.
    await world.query(
      `insert into contracts (token, terms) select n::text, jsonb_build_object('random', repeat('y', 30000)) from generate_series(100, 119) n`,
    );
    const last = (message: { data: any }) => message.data?.payload?.token === '119';
    const seen = await Promise.all(clients.map((client) => client.until(last)));
    const contracts = seen.map((messages) =>
      messages.filter(({ type }) => type === 'contract:event').map(({ data }) => data as unknown),
    );
    expect(contracts[0]).toHaveLength(sizes.length + 20);
    for (const other of contracts) expect(other).toEqual(contracts[0]);
  });

  it('take fewer bytes to a client that agreed, and as many as ever to one that did not', async () => {
    const [compressed, plain] = [await rawWith(true), await rawWith(false)];
    const bytesOf = ({ ws }: { ws: WebSocket }) =>
      (ws as unknown as { _socket: { bytesRead: number } })._socket.bytesRead;
    const before = [bytesOf(compressed), bytesOf(plain)] as const;
    await world.insert('contracts', { terms: compressible });
    await Promise.all([compressed.next('contract.created'), plain.next('contract.created')]);
    expect(bytesOf(compressed) - before[0]).toBeLessThan(3000);
    expect(bytesOf(plain) - before[1]).toBeGreaterThan(50_000);
  });
});

describe('messages from clients', () => {
  it('are taken compressed', async () => {
    const client = await rawWith({ threshold: 0 });
    client.send({ type: 'ping', data: {}, id: 'compressed' });
    expect((await client.next('pong')).data.id).toBe('compressed');
    const io = await ioWith(true);
    expect(await io.socket.emitWithAck('ping')).toMatchObject({ ok: true });
  });

  it('are limited by what they inflate to', async () => {
    const client = await rawWith({ threshold: 0 });
    const bomb = JSON.stringify({ type: 'ping', data: { fill: 'x'.repeat(5_000_000) } });
    client.ws.on('error', () => undefined);
    client.send(bomb);
    expect((await client.closed).code).toBe(1009);
  });
});

describe('Outgoing.frame()', () => {
  const message = () => new Outgoing('contract:event', JSON.stringify({ id: randomUUID(), ...compressible }));

  it('is compressed once for everybody, and says so in its first byte', () => {
    const outgoing = message();
    const frame = outgoing.frame('socketio+deflate');
    expect(outgoing.frame('socketio+deflate')).toBe(frame);
    expect(frame[0]).toBe(0xc1);
    const header = (frame[1] ?? 0) < 126 ? 2 : 4;
    const text = inflateRawSync(frame.subarray(header), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    expect(text).toBe(`4${outgoing.text('socketio')}`);
  });

  it('is plain where compressing gains nothing', () => {
    const short = new Outgoing('pong', '{}');
    expect(short.frame('raw+deflate')).toBe(short.frame('raw'));
    const noise = deflateRawSync(Buffer.from(Array.from({ length: 900 }, (_, n) => `${n}`).join('é')));
    const incompressible = new Outgoing('chat', JSON.stringify(noise.toString('base64').slice(0, 10)));
    expect(incompressible.frame('raw+deflate')).toBe(incompressible.frame('raw'));
  });

  it('is plain beyond what is compressed in one turn, and compressed again in the next', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const first = Array.from({ length: 12 }, message);
    const compressed = first.filter((outgoing) => outgoing.frame('raw+deflate')[0] === 0xc1).length;
    // 50 kB each, of 256 KiB a turn.
    expect(compressed).toBe(5);
    await new Promise((resolve) => setImmediate(resolve));
    expect(message().frame('raw+deflate')[0]).toBe(0xc1);
  });
});
