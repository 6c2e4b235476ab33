/** Runs writers, clients and faults against several instances for a time, and judges what came of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '../../../src/database/client.js';
import { startEmbedded } from '../../../src/database/embedded.js';
import { createFleet } from '../../support/instances.js';
import { startProxy } from '../../support/proxy.js';
import { freezePostgres } from '../support/freeze.js';
import { followRaw, followSocketIo, type Follower } from '../support/followers.js';
import { faults, type Arena, type Berth } from './faults.js';
import { judge, type Verdict } from './oracle.js';
import { randomOf } from './random.js';
import { createWorld, write, type Journal } from './writers.js';

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
}

export interface ChaosReport {
  readonly verdict: Verdict;
  /** How often each fault struck. */
  readonly struck: Readonly<Record<string, number>>;
  readonly connects: number;
  /** Instances that ended without having been told to. */
  readonly crashed: readonly string[];
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, durationMs, instances = 2, settleMs = 45_000, say = () => undefined } = options;
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  try {
    const random = randomOf(seed);
    const dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-chaos-'));
    cleanUp.push(() => rm(dataDir, { recursive: true, force: true }));
    let postgres = await startEmbedded({ dataDir, tuning: 'test' });
    cleanUp.push(() => postgres.stop());
    const pool = createPool({ url: postgres.url, applicationName: 'chaos', max: 12 });
    cleanUp.push(() => pool.end());
    const fleet = await createFleet(postgres.url, {
      HASHI_HEARTBEAT_INTERVAL_MS: '1000',
      HASHI_HEARTBEAT_TIMEOUT_MS: '1000',
      HASHI_MAX_CONNECTIONS_PER_PLAYER: '1000',
    });
    cleanUp.push(() => fleet.stop());

    const crashed: string[] = [];
    const expected = new Set<unknown>();
    const berths: Berth[] = [];
    const startIn = async (database: Berth['database']) => {
      const instance = await fleet.start({ DATABASE_URL: database.through(postgres.url) });
      void instance.child.exited.then((how) => {
        if (!expected.has(instance)) crashed.push(`${how}: ${instance.child.output().slice(-2000)}`);
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
    for (let count = 0; count < instances; count++) {
      const database = await startProxy(postgres.url);
      cleanUp.push(() => database.stop());
      berths.push({ database, instance: await startIn(database) });
    }
    cleanUp.push(() => Promise.all(berths.map(({ instance }) => instance.kill())));
    const front = await startProxy(berths[0]?.instance.url ?? '');
    cleanUp.push(() => front.stop());

    const world = await createWorld(pool);
    const followers: Follower[] = [];
    const url = front.through(berths[0]?.instance.url ?? '');
    for (const player of world.players) {
      const token = await fleet.token(player, { expiresInSeconds: 24 * 3600 });
      followers.push(followRaw(`raw ${player}`, player, url.replace(/^http/, 'ws'), token));
      followers.push(followSocketIo(`socket.io ${player}`, player, url, token));
    }
    cleanUp.push(() => followers.forEach((follower) => follower.close()));
    await Promise.all(followers.map(({ greeting }) => greeting));

    const journal: Journal = { committed: new Set(), rolledBack: new Set(), unknown: new Set() };
    let writing = true;
    const writers = Array.from({ length: 4 }, (_, index) =>
      write(`w${index}`, pool, world, journal, random.fork(), () => writing),
    );
    const arena: Arena = {
      berths,
      front,
      pool,
      followers,
      random: random.fork(),
      freezeMs: options.freezeMs,
      pause: (ms) => sleep(ms),
      async restart(berth) {
        berth.instance = await startIn(berth.database);
      },
      async restartDatabase() {
        const gone = new Promise((resolve) => postgres.onExit(resolve));
        process.kill(postgres.pid, 'SIGQUIT');
        await gone;
        await postgres.stop();
        postgres = await startEmbedded({ dataDir, tuning: 'test', port: postgres.port });
      },
      async freezeDatabase(ms) {
        const thaw = await freezePostgres(postgres.pid);
        try {
          await sleep(ms);
          if (ms < 6000) return;
          for (const { instance } of berths) {
            const { status } = await fetch(`${instance.url}/readyz`);
            if (status !== 503) crashed.push(`/readyz said ${status} while the database was frozen`);
          }
        } finally {
          thaw();
        }
      },
    };
    const struck: Record<string, number> = {};
    const names = options.only ?? Object.keys(faults);
    for (const until = performance.now() + durationMs; performance.now() < until;) {
      const name = random.pick(names);
      const berth = random.pick(berths);
      say(`${name} (${berths.indexOf(berth) + 1})`);
      struck[name] = (struck[name] ?? 0) + 1;
      await faults[name]?.(arena, berth);
      await sleep(random.between(50, 800));
    }
    writing = false;
    await Promise.all(writers);

    say('all is well again: the clients catch up');
    for (const { database } of berths) database.heal();
    front.heal();
    const end = await pool.query<{ id: string }>(
      `insert into contracts (status) values ('end') returning id`,
    );
    const caughtUp = Promise.all(
      followers.map((follower) => follower.heard(({ data }) => data.contractId === end.rows[0]?.id)),
    );
    const patience = new AbortController();
    await Promise.race([
      caughtUp,
      sleep(settleMs, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    return {
      verdict: await judge(pool, followers, journal),
      struck,
      connects: followers.reduce((sum, follower) => sum + follower.connects(), 0),
      crashed,
    };
  } finally {
    for (const clean of cleanUp.reverse()) await clean();
  }
}
