/**
 * Commits across failovers, from the first moment in which a promoted standby takes writes: each reaches each client
 * by its event, or by the state that the client was told to read after it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPool } from '../../src/database/client.js';
import { startEmbedded } from '../../src/database/embedded.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { epochOf } from './chaos/segments.js';
import { beginning, known, StateReader, timelineSql } from './support/commits.js';
import { followRaw, followSocketIo, type Follower } from './support/followers.js';
import { Services, session, type Unfinished } from './support/services.js';
import { startStandby } from './support/standby.js';

/** A database in its turn: the first, or a standby that has taken over. */
interface Primary {
  readonly url: string;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
}

interface Instance {
  readonly server: TestServer;
  /** Its way to the database, whichever that is. */
  readonly database: TcpProxy;
  readonly followers: readonly Follower[];
}

let dataDir: string;
/** The same key for all instances. */
let keysDir: string;
let primary: Primary;
let states: pg.Pool;
let stateAddress: TcpProxy;
const instances: Instance[] = [];
const readers = new Map<Follower, StateReader>();
/** Every database that was there, first to last. */
const logs: { epoch: string; timeline: string }[] = [];
const services = new Services();
const { commits } = services;
const left: (() => Promise<unknown>)[] = [];

const everyone = () => instances.flatMap(({ followers }) => followers);

async function currentLog(): Promise<{ epoch: string; timeline: string }> {
  const client = await session(primary.url);
  const { rows } = await client.query<{ epoch: string; timeline: string }>(
    `select epoch, ${timelineSql} as timeline from realtime.state`,
  );
  await client.end();
  return rows[0] ?? { epoch: '', timeline: '' };
}

async function addInstance(): Promise<void> {
  const database = await startProxy(primary.url);
  const server = await startServer(database.through(primary.url), { HASHI_DATA_DIR: keysDir });
  const follow = async (make: typeof followRaw, url: string): Promise<Follower> => {
    const player = `player-${readers.size}`;
    const reader = new StateReader(states);
    const token = await server.token(player);
    const onAnew = (epoch: string | undefined) => reader.read(epoch);
    // However slow the machine is: a connection is not given up.
    const follower = make(`${player} by ${make.name}`, player, url, token, { onAnew, patienceMs: 60_000 });
    readers.set(follower, reader);
    await follower.greeting;
    return follower;
  };
  const followers = [await follow(followRaw, server.wsUrl), await follow(followSocketIo, server.url)];
  instances.push({ server, database, followers });
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-promotions-'));
  keysDir = await mkdtemp(join(tmpdir(), 'hashi-test-keys-'));
  left.push(() => rm(keysDir, { recursive: true, force: true }));
  const first = await startEmbedded({ dataDir, tuning: 'test' });
  left.push(() => rm(dataDir, { recursive: true, force: true }));
  left.push(() => first.stop());
  primary = { url: first.url, kill: () => endHard(first.pid) };
  stateAddress = await startProxy(primary.url);
  states = createPool({ url: stateAddress.through(primary.url), applicationName: 'client', max: 4 });
  await addInstance();
  await addInstance();
  logs.push(await currentLog());
});
afterAll(async () => {
  for (const reader of readers.values()) reader.stop();
  for (const follower of everyone()) follower.close();
  await Promise.all(instances.map(({ server }) => server.stop()));
  await Promise.all(instances.map(({ database }) => database.stop()));
  await states.end();
  await stateAddress.stop();
  for (const end of left.reverse()) await end();
});

interface Moments {
  /** The primary that is going to die takes writes still, and its standby follows it. */
  readonly before?: () => Promise<void>;
  /** The standby is about to take over. */
  readonly dead?: () => void;
  /** It takes writes, on this timeline. */
  readonly promoted?: (timeline: string) => Promise<void>;
  /** Everyone has been told. */
  readonly told?: () => Promise<void>;
}

/** Writes to the primary until it dies and to its standby from the first moment on; resolves when all have heard of the last. */
async function failOver({ before, dead, promoted, told }: Moments): Promise<void> {
  commits.clear();
  const control = await session(primary.url);
  const replication = await startProxy(primary.url);
  left.push(() => replication.stop());
  const standby = await startStandby(control, replication.through(primary.url));
  left.push(() => standby.stop());
  let writing = true;
  const running = () => writing;
  const writers: Promise<void>[] = [];
  const startWriter = async (url: string) => void writers.push(services.write(await session(url), running));
  await startWriter(primary.url);
  await before?.();
  // Everyone has something of the log that is about to end, however slow the machine is.
  const ending = logs.at(-1)?.epoch;
  await Promise.all(everyone().map((follower) => follower.heard(({ id }) => epochOf(id) === ending)));
  const { rows } = await control.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
  const sql = 'select from pg_stat_replication where replay_lsn >= $1::pg_lsn';
  while ((await control.query(sql, [rows[0]?.lsn])).rowCount === 0) await sleep(10);
  // There before it takes writes: they are the first that do.
  for (let count = 0; count < 3; count++) await startWriter(standby.url);
  // What is committed from here on is lost with the primary.
  replication.refuse();
  replication.cut();
  const enough = commits.size + 3;
  while (commits.size < enough) await sleep(5);
  await primary.kill();
  primary = { url: standby.url, kill: () => endHard(standby.pid) };
  stateAddress.retarget(primary.url);
  dead?.();
  await standby.promote();
  const client = await session(primary.url);
  const now = await client.query<{ timeline: string }>(`select ${timelineSql} as timeline`);
  await client.end();
  await promoted?.(now.rows[0]?.timeline ?? '');
  await Promise.all(everyone().map((follower) => untilToldAnew(follower)));
  logs.push(await currentLog());
  await told?.();
  writing = false;
  await Promise.all(writers);
  const id = await (await services.leaveOpen(primary.url)).commit(primary.url);
  await Promise.all(everyone().map((follower) => follower.heard(({ data }) => data.contractId === id)));
}

/** Resolves when it is gone, without a goodbye. */
async function endHard(pid: number): Promise<void> {
  process.kill(pid, 'SIGQUIT');
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if ((error as { code?: string }).code === 'ESRCH') return;
      throw error;
    }
    await sleep(10);
  }
}

/** Of the failover that is going on. */
const untilToldAnew = (follower: Follower) =>
  expect.poll(() => follower.gaps.length, { timeout: 30_000, interval: 10 }).toBe(logs.length);

/** @returns how many commits without an event each client has read in the state that it was told to read */
async function judge(also: readonly Follower[] = []): Promise<number[]> {
  const problems: string[] = [];
  const read: number[] = [];
  const now = logs.at(-1) ?? { epoch: '', timeline: '' };
  for (const follower of [...everyone(), ...also]) {
    const begun = beginning((await readers.get(follower)?.all()) ?? [], now);
    const told = new Map<string, number>();
    for (const { data } of follower.told) {
      if (data.contractId !== undefined) told.set(data.contractId, (told.get(data.contractId) ?? 0) + 1);
    }
    const note = (what: string) => problems.push(`${follower.name}: ${what}`);
    read.push(0);
    for (const [id, commit] of commits) {
      const times = told.get(id) ?? 0;
      if (times > 1) note(`told ${times} times of ${id}`);
      if (times > 0) continue;
      if (commit.timeline === now.timeline) {
        if (known(commit, begun)) read[read.length - 1]!++;
        else note(`neither told of ${id} nor told to read after it`);
      } else if (!begun || begun.toldAt < commit.askedAt) {
        // It may have gone with its database: then the state that is read is without it.
        note(`not told to read after ${id}, of the database that is gone`);
      }
    }
  }
  expect(problems).toEqual([]);
  for (const follower of everyone()) {
    expect(follower.gaps, follower.name).toEqual(logs.slice(1).map(() => 'RESYNC_REQUIRED'));
    expect(new Set(follower.told.map(({ id }) => epochOf(id))).size).toBe(logs.length);
  }
  return read;
}

/** Until so many commits have been answered by the database that is there now. */
async function untilAnswered(count: number, timeline = logs.at(-1)?.timeline ?? ''): Promise<void> {
  while (services.answered(timeline) < count) await sleep(5);
}
const find = ({ database }: Instance) => database.retarget(primary.url);

it('tells of every commit, or to read after it, when a standby is found as soon as it takes writes', async () => {
  await failOver({ dead: () => instances.forEach(find), told: () => untilAnswered(30) });
  await judge();
});

it('does so when nobody has looked until many have committed, and more while the new log begins', async () => {
  const prepared: Unfinished[] = [];
  let open: Unfinished | undefined;
  await failOver({
    async before() {
      for (const name of ['soon', 'late']) prepared.push(await services.leaveOpen(primary.url, name));
    },
    async promoted(timeline) {
      await untilAnswered(30, timeline);
      await prepared[0]?.commit(primary.url);
      open = await services.leaveOpen(primary.url);
      instances.forEach(find);
    },
    async told() {
      // They have written before the new log began, and are in it.
      const ids = [await open?.commit(primary.url), await prepared[1]?.commit(primary.url)];
      const heard = (follower: Follower) =>
        Promise.all(ids.map((id) => follower.heard(({ data }) => data.contractId === id)));
      await Promise.all(everyone().map(heard));
    },
  });
  for (const count of await judge()) expect(count).toBeGreaterThanOrEqual(30);
});

it('does so when one instance finds the new database later than another', async () => {
  const [first, second] = instances as [Instance, Instance];
  const front = await startProxy(first.server.url);
  const token = await first.server.token('moves');
  const reader = new StateReader(states);
  const moves = followSocketIo('moves', 'moves', front.through(first.server.url), token, {
    onAnew: (epoch) => reader.read(epoch),
  });
  readers.set(moves, reader);
  left.push(
    async () => moves.close(),
    () => front.stop(),
  );
  await moves.greeting;
  await failOver({
    async promoted(timeline) {
      find(first);
      await Promise.all(first.followers.map((follower) => untilToldAnew(follower)));
      await untilAnswered(services.answered(timeline) + 30, timeline);
      // It comes to one that does not know the log that it was told of yet.
      await expect.poll(() => moves.gaps).toEqual(['RESYNC_REQUIRED']);
      front.retarget(second.server.url);
      front.cut();
      await expect.poll(() => moves.connects()).toBe(2);
      find(second);
    },
  });
  // And misses nothing.
  const last = [...commits.keys()].at(-1);
  await moves.heard(({ data }) => data.contractId === last);
  await judge([moves]);
  expect(moves.gaps).toEqual(['RESYNC_REQUIRED']);
});
