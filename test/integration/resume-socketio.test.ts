import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { metric } from '../hostile/observe.js';
import { ioClient, type IoClient, type Message } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { createFleet, type Fleet, type Instance } from '../support/instances.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer } from '../support/server.js';

let database: TestDatabase;
let fleet: Fleet;
let first: Instance;
let second: Instance;
/** The load balancer that clients connect to. */
let front: TcpProxy;

beforeAll(async () => {
  database = await createDatabase();
  fleet = await createFleet(database.url);
  first = await fleet.start();
  second = await fleet.start();
  front = await startProxy(first.url);
});
afterAll(async () => {
  await front.stop();
  await fleet.stop();
  await database.drop();
});

/** `back` resolves when the client has connected again. */
interface Player extends IoClient {
  readonly connected: Message;
  back(): Promise<Message>;
}
async function connect(player: string, options: Parameters<typeof ioClient>[2] = {}): Promise<Player> {
  const client = ioClient({ url: front.through(first.url) }, await fleet.token(player), options);
  onTestFinished(() => client.close());
  const connected = await client.next('connected');
  return { ...client, connected, back: () => client.next('connected') };
}
const insertContract = async (): Promise<string> =>
  (await database.query('insert into contracts default values returning id'))[0].id;
const isContract = (id: string) => (message: Message) => message.data?.contractId === id;
const contracts = (messages: readonly Message[]) =>
  messages.flatMap(({ type, data }) => (type === 'contract:event' ? [data.contractId as string] : []));
/** Cuts the client off, and gets what is written until it is back. */
async function missWhileAway(client: Player, count: number): Promise<string[]> {
  front.refuse();
  const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
  front.cut();
  await gone;
  const missed: string[] = [];
  for (let n = 0; n < count; n++) missed.push(await insertContract());
  // Numbered before it is back: by that is judged how far back it may go.
  await expect
    .poll(async () => (await database.query('select realtime.advance() as head'))[0].head)
    .not.toBeNull();
  front.heal();
  return missed;
}

describe('a stock Socket.IO client that is cut off', () => {
  it('recovers on the same instance: the same id, and what it missed once and in order', async () => {
    const client = await connect('same');
    await client.next(isContract(await insertContract()));
    const { id } = client.socket;
    const missed = await missWhileAway(client, 5);
    expect((await client.back()).data.recovered).toBe(true);
    expect(client.socket).toMatchObject({ recovered: true, id });
    const end = await insertContract();
    expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);
  });

  it('recovers though it had not received any event before', async () => {
    const client = await connect('eventless');
    const missed = await missWhileAway(client, 3);
    expect((await client.back()).data.recovered).toBe(true);
    expect(client.socket.recovered).toBe(true);
    const end = await insertContract();
    expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);
  });

  it('recovers over polling', async () => {
    const client = await connect('polling', { transports: ['polling'] });
    const missed = await missWhileAway(client, 3);
    await client.back();
    expect(client.socket.recovered).toBe(true);
    const end = await insertContract();
    expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);
  });

  it('recovers several times in a row, from one instance to the other and back, while writers go on', async () => {
    const client = await connect('wanderer');
    const written: string[] = [];
    let writing = true;
    const writer = (async () => {
      while (writing) written.push(await insertContract());
    })();
    for (const target of [second, first, second, first, second, first]) {
      front.retarget(target.url);
      front.cut();
      await client.back();
      expect(client.socket.recovered).toBe(true);
      await client.next('contract:event');
    }
    writing = false;
    await writer;
    const end = await insertContract();
    await client.until(isContract(end));
    // Whatever was written before it had connected is not its business.
    const heard = contracts(client.messages);
    const from = written.indexOf(heard[0] ?? '');
    expect(heard).toEqual([...written.slice(from), end]);
  });

  it('recovers with an old offset, when what happened since was not for it', async () => {
    const client = await connect('idle');
    await client.next(isContract(await insertContract()));
    const [{ id: lobby }] = await database.query(`insert into lobbies (code) values ('ELSE') returning id`);
    await database.query(
      `insert into lobby_participants (lobby_id, player_id) select $1, 'idle-' || n from generate_series(1, 100) n`,
      [lobby],
    );
    const missed = await missWhileAway(client, 2);
    await client.back();
    expect(client.socket.recovered).toBe(true);
    const end = await insertContract();
    const after = await client.until(isContract(end));
    expect(contracts(after)).toEqual([...missed, end]);
    expect(after.filter(({ type }) => type === 'lobby:event')).toEqual([]);
  });

  it('has its token checked again: an expired one is refused', async () => {
    const client = await connect('expired');
    await client.next(isContract(await insertContract()));
    // As old as a token can be that the server does not know of yet: beyond the leeway.
    client.socket.auth = { token: await fleet.token('expired', { expiresInSeconds: -60 }) };
    const refused = new Promise<Error & { data?: unknown }>((resolve) =>
      client.socket.once('connect_error', resolve),
    );
    front.cut();
    expect(await refused).toMatchObject({ message: 'Authentication failed', data: { code: 'AUTH_ERROR' } });
    expect(client.socket.connected).toBe(false);
  });

  it('has no use for the session of another player, whose connection is left alone', async () => {
    const victim = await connect('victim');
    const [{ id: lobby }] = await database.query(`insert into lobbies (code) values ('VICTIM') returning id`);
    await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'victim')`, [
      lobby,
    ]);
    const { id: offset } = await victim.next('lobby.joined');
    const { _pid: pid } = victim.socket as unknown as { _pid: string };

    const token = await fleet.token('thief');
    const thief = ioClient({ url: front.through(first.url) }, undefined, { auth: { token, pid, offset } });
    onTestFinished(() => thief.close());
    expect((await thief.next('connected')).data).toMatchObject({ playerId: 'thief', recovered: false });
    expect(await thief.next()).toMatchObject({ type: 'error', data: { code: 'RESUME_FAILED' } });
    expect(thief.socket.id).not.toBe(victim.socket.id);

    const refused = ioClient({ url: front.through(first.url) }, undefined, {
      auth: { token: 'not a token', pid, offset },
    });
    onTestFinished(() => refused.close());
    await new Promise((resolve) => refused.socket.once('connect_error', resolve));

    await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'friend')`, [
      lobby,
    ]);
    expect((await victim.next('lobby.joined')).data.payload.playerId).toBe('friend');
    expect(contracts(thief.messages)).toEqual([]);
    expect(thief.messages.filter(({ type }) => type === 'lobby:event')).toEqual([]);
  });

  it('is told RESUME_FAILED past retention, with recovered false', async () => {
    const short = await fleet.start({ HASHI_RETENTION_EVENTS: '3' });
    const client = await connect('short');
    await client.next(isContract(await insertContract()));
    front.retarget(short.url);
    await missWhileAway(client, 5);
    expect((await client.back()).data.recovered).toBe(false);
    expect(client.socket.recovered).toBe(false);
    expect(await client.next()).toMatchObject({ type: 'error', data: { code: 'RESUME_FAILED' } });
    await client.next(isContract(await insertContract()));
    front.retarget(first.url);
    await short.kill();
  });

  it('is told RESUME_FAILED, and left with no silent hole, when the log is pruned while it is being replayed', async () => {
    const own = await createDatabase();
    const pruned = await startServer(own.url);
    try {
      const live = ioClient(pruned, await pruned.token('live'));
      const client = ioClient(pruned, await pruned.token('pruned'));
      await Promise.all([live.next('connected'), client.next('connected')]);
      const { io } = client.socket;
      io.reconnection(false);
      const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
      io.engine.close();
      await gone;
      await own.query(
        `insert into contracts (terms) select jsonb_build_object('n', n, 'pad', repeat('x', 100000)) from generate_series(1, 300) n`,
      );
      // Beyond what is in memory, so that the replay reads the database.
      const marker = async () => (await own.query('insert into contracts default values returning id'))[0].id;
      await live.next(isContract(await marker()));

      const wires: { pause(): void; resume(): void }[] = [];
      io.once('open', () => {
        const { ws } = io.engine.transport as unknown as { ws: { pause(): void; resume(): void } };
        ws.pause();
        wires.push(ws);
      });
      client.socket.connect();
      // The replay has begun, and waits for the client.
      await expect
        .poll(() => metric(pruned, 'hashi_resumes_total', 'recovered'), { timeout: 20_000 })
        .toBe(1);
      // A slot is left once something is in it, and emptied when all eight have been gone round.
      for (let floor = 0; floor === 0; await live.next(isContract(await marker()))) {
        floor = Number((await own.query(`select realtime.rotate(interval '0', 1) as floor`))[0].floor);
      }
      wires[0]?.resume();
      const told = await client.until((message) => message.data?.code === 'RESUME_FAILED');
      const numbers = told.flatMap(({ type, data }) =>
        type === 'contract:event' ? [data.payload.terms.n as number] : [],
      );
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
      expect(numbers.length).toBeGreaterThan(0);
      expect(numbers.length).toBeLessThan(300);
      await client.next(isContract(await marker()));
      client.close();
      live.close();
    } finally {
      await pruned.stop();
      await own.drop();
    }
  });

  it('recovers on another instance after kill -9 of the one that held it', async () => {
    const doomed = await fleet.start();
    front.retarget(doomed.url);
    const client = await connect('orphan');
    await client.next(isContract(await insertContract()));
    const { id } = client.socket;
    front.retarget(second.url);
    const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
    await doomed.kill('SIGKILL');
    const missed = [await insertContract(), await insertContract()];
    await gone;
    expect((await client.back()).data.recovered).toBe(true);
    expect(client.socket).toMatchObject({ recovered: true, id });
    const end = await insertContract();
    expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);
    front.retarget(first.url);
  });
});
