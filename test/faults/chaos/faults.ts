/** What is done to a system that is being written to and listened to; every fault ends within seconds. */
import type pg from 'pg';
import type { Instance } from '../../support/instances.js';
import type { TcpProxy } from '../../support/proxy.js';
import type { Follower } from '../support/followers.js';
import type { Random } from './random.js';

/** A place for an instance: the process in it changes, its way to the database stays. */
export interface Berth {
  instance: Instance;
  readonly database: TcpProxy;
}

export interface Arena {
  readonly berths: readonly Berth[];
  /** The load balancer. */
  readonly front: TcpProxy;
  readonly pool: pg.Pool;
  readonly followers: readonly Follower[];
  readonly random: Random;
  restart(berth: Berth): Promise<void>;
  /** Ends Postgres without a goodbye and starts it again. */
  restartDatabase(): Promise<void>;
  /** How long to freeze the database, if not for as long as is drawn. */
  readonly freezeMs?: number | undefined;
  /** Stops every process of Postgres for so long. Above 6 s, `/readyz` must have said so. */
  freezeDatabase(ms: number): Promise<void>;
  pause(ms: number): Promise<void>;
}

export type Fault = (arena: Arena, berth: Berth) => Promise<void>;

const frontOnAnother = ({ berths, front }: Arena, berth: Berth) => {
  const other = berths.find((candidate) => candidate !== berth);
  if (other) front.retarget(other.instance.url);
};
const terminate = (pool: pg.Pool, pattern: string) =>
  pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name like $1 and datname = current_database()`,
    [pattern],
  );

export const faults: Readonly<Record<string, Fault>> = {
  'kill an instance': async (arena, berth) => {
    frontOnAnother(arena, berth);
    await berth.instance.kill('SIGKILL');
    await arena.restart(berth);
  },
  'stop an instance': async (arena, berth) => {
    frontOnAnother(arena, berth);
    await berth.instance.kill('SIGTERM');
    await arena.restart(berth);
  },
  'pause an instance': async (arena, berth) => {
    frontOnAnother(arena, berth);
    berth.instance.child.signal('SIGSTOP');
    await arena.pause(arena.random.between(500, 4000));
    berth.instance.child.signal('SIGCONT');
  },
  'kill listening backends': async ({ pool }) => {
    await terminate(pool, 'hashi-socket listener');
  },
  'kill every backend of the instances': async ({ pool }) => {
    await terminate(pool, 'hashi-socket%');
  },
  'cut an instance off its database': async (arena, berth) => {
    berth.database.refuse();
    berth.database.cut();
    await arena.pause(arena.random.between(100, 2500));
    berth.database.heal();
  },
  'lose the bytes to the database': async (arena, berth) => {
    berth.database.blackhole();
    await arena.pause(arena.random.between(500, 2500));
    berth.database.heal();
  },
  'stall the network to the database': async (arena, berth) => {
    berth.database.freeze();
    await arena.pause(arena.random.between(200, 3000));
    berth.database.heal();
  },
  'slow the network to the database down': async (arena, berth) => {
    berth.database.delay(arena.random.between(5, 60));
    await arena.pause(1500);
    berth.database.heal();
  },
  'restart the database': async (arena) => {
    await arena.restartDatabase();
  },
  'freeze the database': async (arena) => {
    await arena.freezeDatabase(arena.freezeMs ?? arena.random.between(500, 4000));
  },
  'forge notifications': async ({ pool }) => {
    await pool.query(
      `select pg_notify('hashi_log', (n * 1000000)::text), pg_notify('hashi_bell', 'x') from generate_series(1, 50) n`,
    );
  },
  'cut all clients off': async ({ front }) => {
    front.cut();
  },
  'lose the bytes of all clients': async (arena) => {
    arena.front.blackhole();
    await arena.pause(arena.random.between(200, 1000));
    arena.front.heal();
  },
  'cut one client off, again and again': async (arena) => {
    const follower = arena.random.pick(arena.followers);
    for (let count = 0; count < 5; count++) {
      follower.cut();
      await arena.pause(arena.random.between(50, 300));
    }
  },
  'send new connections elsewhere': async (arena, berth) => {
    frontOnAnother(arena, berth);
    arena.front.cut();
  },
};
