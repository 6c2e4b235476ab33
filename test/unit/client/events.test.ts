import { describe, expect, it } from 'vitest';
import { closeCodeOf, errorMessages, type ErrorCode } from '../../../src/errors.js';
import { fakeClient, settled } from './fake.js';

describe('listeners', () => {
  it('hear an event by its type, its family and as any, until they are taken off', async () => {
    const { client, socket } = await fakeClient();
    const heard: string[] = [];
    const off = client.on('contract.created', (event) => heard.push(`type ${event.timestamp}`));
    client.on('contract:event', (event) => heard.push(`family ${event.timestamp}`));
    client.on('event', (event) => heard.push(`any ${event.timestamp}`));
    client.on('lobby.joined', () => heard.push('never'));
    socket.connected();
    socket.event('e-1');
    off();
    socket.event('e-2');
    expect(heard).toEqual(['type e-1', 'family e-1', 'any e-1', 'family e-2', 'any e-2']);
  });

  it.each(Object.keys(errorMessages) as ErrorCode[])(
    'report an error alone that no close explains: %s',
    async (code) => {
      const { socket, errors } = await fakeClient();
      socket.connected();
      socket.says({ type: 'error', data: { code, message: 'x' } });
      await settled();
      const explained = code in closeCodeOf || code === 'RESUME_FAILED' || code === 'RESYNC_REQUIRED';
      expect(errors).toMatchObject(explained ? [] : [{ code }]);
    },
  );

  it('that throw or reject are reported, and the stream goes on', async () => {
    const { client, socket, errors, of } = await fakeClient();
    client.on('contract.created', () => {
      throw new Error('at once');
    });
    client.on('contract.created', () => Promise.reject(new Error('later')));
    socket.connected();
    socket.event('e-1');
    socket.event('e-2');
    await settled();
    expect(of('event')).toHaveLength(2);
    expect(errors.map(({ message }) => message).sort()).toEqual(['at once', 'at once', 'later', 'later']);
  });

  it('hear what the embedding program emits as a message', async () => {
    const { socket, of } = await fakeClient();
    socket.connected();
    socket.says({ type: 'chat', data: { text: 'hi' } });
    expect(of('message')).toEqual([{ type: 'chat', data: { text: 'hi' } }]);
  });

  it('are not disturbed by what is no message', async () => {
    const { socket, of, errors } = await fakeClient();
    socket.connected();
    for (const junk of ['null', '{', '[]', '{"type":"ack"}']) socket.says(junk);
    socket.event('e-1');
    await settled();
    expect(of('event')).toHaveLength(1);
    expect(errors.length).toBeGreaterThan(0);
  });

  it('are told of errors that no request was waiting for, but not of those that end the connection', async () => {
    const { socket, errors } = await fakeClient();
    socket.connected();
    socket.says({ type: 'error', data: { code: 'SERVER_RESTARTING', message: 'x' } });
    socket.says({ type: 'error', data: { code: 'RATE_LIMITED', message: 'x' } });
    await settled();
    expect(errors).toMatchObject([{ name: 'ClientError', code: 'RATE_LIMITED' }]);
  });
});

describe('gaps', () => {
  it('are told once when a resume has failed', async () => {
    const fake = await fakeClient({ since: 'e-1' });
    fake.socket.connected({ cursor: 'f-7', recovered: false });
    fake.socket.says({ type: 'error', data: { code: 'RESUME_FAILED', message: 'x' } });
    expect(fake.of('gap')).toEqual([{ code: 'RESUME_FAILED' }]);
    expect(fake.client.cursor).toBe('f-7');
  });

  it('are told when a replay breaks off', async () => {
    const fake = await fakeClient({ since: 'e-1' });
    fake.socket.connected({ cursor: 'e-1', recovered: true });
    fake.socket.event('e-2');
    fake.socket.says({ type: 'error', data: { code: 'RESUME_FAILED', message: 'x' } });
    expect(fake.of('gap')).toEqual([{ code: 'RESUME_FAILED' }]);
  });

  it('are none on a first connection', async () => {
    const fake = await fakeClient();
    fake.socket.connected({ recovered: false });
    expect(fake.of('gap')).toEqual([]);
  });

  it('are told for what cannot be told as an event, which is not asked for again', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const message = { type: 'error', data: { code: 'RESYNC_REQUIRED', message: 'x' }, id: 'e-3' };
    fake.socket.says(message);
    fake.socket.says(message);
    expect(fake.of('gap')).toEqual([{ code: 'RESYNC_REQUIRED' }]);
    expect(fake.client.cursor).toBe('e-3');
  });
});

describe('for await', () => {
  it('gives each event in order, and ends with the client', async () => {
    const { client, socket } = await fakeClient();
    const events = client[Symbol.asyncIterator]();
    socket.connected();
    socket.event('e-1');
    socket.event('e-2');
    client.close();
    const seen: string[] = [];
    for await (const event of events) seen.push(event.timestamp);
    expect(seen).toEqual(['e-1', 'e-2']);
  });

  it('keeps the cursor at what was handed out', async () => {
    const { client, socket } = await fakeClient();
    const events = client[Symbol.asyncIterator]();
    socket.connected({ cursor: 'e-0' });
    socket.event('e-1');
    socket.event('e-2');
    const first = await events.next();
    expect(first.value).toMatchObject({ timestamp: 'e-1' });
    expect(client.cursor).toBe('e-1');
    await events.next();
    expect(client.cursor).toBe('e-2');
  });

  it('reconnects from what was received all the same', async () => {
    const fake = await fakeClient();
    const events = fake.client[Symbol.asyncIterator]();
    fake.socket.connected();
    fake.socket.event('e-1');
    fake.socket.breaks();
    await fake.reconnect();
    expect(fake.socket.query.get('since')).toBe('e-1');
    expect((await events.next()).value).toMatchObject({ timestamp: 'e-1' });
  });

  it('lets go when the loop is left, also while it waits', async () => {
    const { client, socket } = await fakeClient();
    const events = client[Symbol.asyncIterator]();
    const waiting = events.next();
    await settled();
    await events.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    socket.connected();
    socket.event('e-1');
    expect(client.cursor).toBe('e-1');
  });
});
