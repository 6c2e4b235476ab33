/** Runs writers, clients and faults against several instances for a time, and judges what came of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '../../../src/database/client.js';
import { createFleet } from '../../support/instances.js';
import { startProxy } from '../../support/proxy.js';
import { StateReader } from '../support/commits.js';
import { followRaw, followSocketIo, type Follower } from '../support/followers.js';
import type { Arena, Berth } from './arena.js';
import { startChaosDatabase } from './database.js';
import { draw, faults } from './faults/index.js';
import { readWhole, type Log } from './log.js';
import { judge, type Verdict } from './oracle.js';
import { randomOf } from './random.js';
import { comeAndGo } from './subscriptions.js';
import { createWorld, newJournal } from './world.js';
import { write } from './writers.js';

export interface ChaosOptions {
  readonly seed: number;
  /** How long faults go on. */
  readonly durationMs: number;
  readonly instances?: number;
  /** Names of the faults to draw from; all of them unless given. */
  readonly only?: readonly string[] | undefined;
  readonly freezeMs?: number | undefined;
  /** Longest wait for the clients to have caught up when all is well again. */
  readonly settleMs?: number;
  readonly say?: (line: string) => void;
  /** Ends the run early: it rejects once all that it has started has ended. */
  readonly signal?: AbortSignal | undefined;
}

export interface ChaosReport {
  readonly verdict: Verdict;
  /** How often each fault struck. */
  readonly struck: Readonly<Record<string, number>>;
  readonly connects: number;
  /** Instances that ended without having been told to, and whatever else must not be. */
  readonly complaints: readonly string[];
}

/** What the oracle looks at: an event's data is some kilobytes. */
const keep = ({ contractId, payload }: any) => ({ contractId, payload: { terms: payload?.terms } });

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, durationMs, instances = 2, settleMs = 60_000, say = () => undefined, signal } = options;
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  try {
    const random = randomOf(seed);
    const database = await startChaosDatabase();
    cleanUp.push(() => database.stop());
    signal?.throwIfAborted();
    const services = await database.address();
    const pool = createPool({ url: services.through(database.url()), applicationName: 'chaos', max: 12 });
    cleanUp.push(() => pool.end());
    const fleet = await createFleet(database.url(), {
      HASHI_HEARTBEAT_INTERVAL_MS: '1000',
      HASHI_HEARTBEAT_TIMEOUT_MS: '1000',
      HASHI_MAX_CONNECTIONS_PER_PLAYER: '1000',
    });
    cleanUp.push(() => fleet.stop());

    const complaints: string[] = [];
    const expected = new Set<unknown>();
    const startIn = async (way: Berth['database']) => {
      const instance = await fleet.start({ DATABASE_URL: way.through(database.url()) });
      void instance.child.exited.then((how) => {
        if (!expected.has(instance)) {
          complaints.push(`an instance ended by itself, ${how}: ${instance.child.output().slice(-2000)}`);
        }
      });
      const kill = instance.kill.bind(instance);
      return {
        ...instance,
        kill: (signal?: NodeJS.Signals) => {
          expected.add(instance);
          return kill(signal);
        },
      };
    };
    const berths: Berth[] = [];
    for (let count = 0; count < instances; count++) {
      const way = await database.address();
      berths.push({ database: way, instance: await startIn(way) });
      signal?.throwIfAborted();
    }
    cleanUp.push(() => Promise.all(berths.map(({ instance }) => instance.kill())));
    const front = await startProxy(berths[0]?.instance.url ?? '');
    cleanUp.push(() => front.stop());

    const world = await createWorld(pool);
    const url = front.through(berths[0]?.instance.url ?? '');
    const states = createPool({
      url: services.through(database.url()),
      applicationName: 'chaos reader',
      max: 4,
    });
    cleanUp.push(() => states.end());
    const readers: StateReader[] = [];
    cleanUp.push(() => readers.forEach((reader) => reader.stop()));
    const watched = () => {
      const reader = new StateReader(states);
      readers.push(reader);
      return { keep, onAnew: (epoch: string | undefined) => reader.read(epoch) };
    };
    const follow = async (player: string): Promise<Follower[]> => {
      const token = await fleet.token(player, { expiresInSeconds: 24 * 3600 });
      return [
        followRaw(`raw ${player}`, player, url.replace(/^http/, 'ws'), token, watched()),
        followSocketIo(`socket.io ${player}`, player, url, token, watched()),
      ];
    };
    const followers = (await Promise.all(world.players.map(follow))).flat();
    const subscribers = await follow('subscriber');
    const everyone = [...followers, ...subscribers];
    cleanUp.push(() => everyone.forEach((follower) => follower.close()));
    await Promise.all(everyone.map(({ greeting }) => greeting));

    const journal = newJournal();
    let going = true;
    const running = () => going;
    cleanUp.push(() => void (going = false));
    const writing = Promise.all([
      ...Array.from({ length: 4 }, (_, index) =>
        write(`w${index}`, pool, world, journal, random.fork(), running),
      ),
      ...subscribers.map((follower) => comeAndGo(follower, world.open, random.fork(), running)),
    ]);
    let failed = false;
    writing.catch((_thrown: unknown) => (failed = true)); // thrown when it is waited for
    const arena: Arena = {
      berths,
      front,
      pool,
      followers: everyone,
      random: random.fork(),
      world,
      journal,
      database,
      lingering: [],
      freezeMs: options.freezeMs,
      pause: (ms) => sleep(ms, undefined, { signal }),
      async restart(berth) {
        berth.instance = await startIn(berth.database);
      },
      complain: (what) => complaints.push(what),
    };
    const struck: Record<string, number> = {};
    const names = draw(options.only ?? Object.keys(faults), random.fork());
    const finish = async (over: (faults: number) => boolean) => {
      for (const one of arena.lingering.splice(0)) {
        if (over(--one.faults)) await one.finish();
        else arena.lingering.push(one);
      }
    };
    for (const until = performance.now() + durationMs; performance.now() < until && !failed;) {
      const name = names.next().value;
      const berth = random.pick(berths);
      say(`${name} (${berths.indexOf(berth) + 1})`);
      struck[name] = (struck[name] ?? 0) + 1;
      await faults[name]?.(arena, berth);
      await arena.pause(random.between(50, 800));
      await finish((left) => left < 0);
    }
    await finish(() => true);
    going = false;
    await writing;

    say('all is well again: the clients catch up');
    for (const berth of berths) berth.database.heal();
    front.heal();
    const end = await pool.query<{ id: string }>(
      `insert into contracts (status) values ('end') returning id`,
    );
    const caughtUp = Promise.all(
      everyone.map((follower) => follower.heard(({ data }) => data.contractId === end.rows[0]?.id)),
    );
    const patience = new AbortController();
    const ends = AbortSignal.any([patience.signal, ...(signal ? [signal] : [])]);
    await Promise.race([caughtUp, sleep(settleMs, undefined, { signal: ends }).catch(() => undefined)]);
    patience.abort();
    signal?.throwIfAborted();
    const logs = [await readWhole(pool)];
    if (database.failedOver) logs.unshift(await readFormer(await database.former()));
    const openRoom = `lobby:${world.open}`;
    return {
      verdict: await judge({ logs, followers, subscribers, openRoom, journal, readers, pool }),
      struck,
      connects: everyone.reduce((sum, follower) => sum + follower.connects(), 0),
      complaints,
    };
  } finally {
    await endAll(cleanUp.reverse());
  }
}

/** Each of them, also after one that fails. */
async function endAll(ends: readonly (() => Promise<unknown> | void)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not all that was started could be ended');
}

/** The log of a database that has ended: what was committed last has no number yet. */
async function readFormer(url: string): Promise<Log> {
  const pool = createPool({ url, applicationName: 'chaos', max: 1 });
  try {
    await pool.query('select realtime.advance()');
    return await readWhole(pool);
  } finally {
    await pool.end();
  }
}
