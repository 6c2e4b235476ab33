/** Faults of the database itself. */
import pg from 'pg';
import type { Arena, Fault } from '../arena.js';
import { connectAs, terminate } from './sessions.js';

/** Above this, in milliseconds, `/readyz` must have said that the database does not answer. */
const tellingMs = 6000;

/** Takes every connection that there is to be had. */
async function fill(url: string, crowd: pg.Client[]): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: 'crowd' });
    client.on('error', () => undefined); // ended by whoever made it
    try {
      await client.connect();
    } catch (error) {
      if ((error as { code?: string }).code === '53300') return;
      throw error;
    }
    crowd.push(client);
  }
}

/**
 * What the one before has ended, as it said, and what its standby knows as prepared only: somebody has to end it there,
 * too, or its rows stay locked.
 */
async function endPrepared({ pool, journal }: Arena): Promise<void> {
  const { rows } = await pool.query<{ gid: string }>('select gid from pg_prepared_xacts');
  for (const { gid } of rows) {
    if (journal.committed.has(gid) || journal.rolledBack.has(gid))
      await pool.query(`rollback prepared '${gid}'`);
  }
}

/** Resolves when connections of before have been found dead. */
async function answering(arena: Arena): Promise<void> {
  for (;;) {
    try {
      await arena.pool.query('select 1');
      return;
    } catch {
      await arena.pause(50);
    }
  }
}

export const databaseFaults: Readonly<Record<string, Fault>> = {
  'restart the database': async ({ database }) => {
    await database.restart();
  },
  'freeze the database': async (arena) => {
    const ms = arena.freezeMs ?? arena.random.between(500, 4000);
    await arena.database.freeze(async () => {
      await arena.pause(ms);
      if (ms < tellingMs) return;
      for (const { instance } of arena.berths) {
        const { status } = await fetch(`${instance.url}/readyz`);
        if (status !== 503) arena.complain(`/readyz said ${status} while the database was frozen`);
      }
    });
  },
  'forge notifications': async ({ pool }) => {
    await pool.query(
      `select pg_notify('hashi_log', (n * 1000000)::text), pg_notify('hashi_bell', 'x') from generate_series(1, 50) n`,
    );
  },
  'fill the queue of notifications': async (arena) => {
    const ms = arena.random.between(300, 2500);
    const sleeper = await connectAs(arena, 'chaos control');
    const talker = await connectAs(arena, 'chaos control');
    try {
      await sleeper.query('listen anything');
      await sleeper.query('begin');
      for (let turn = 0; ; turn++) {
        // Postgres drops what is said twice in one transaction.
        await talker.query(`select pg_notify('anything', $1)`, [`${turn} ${'x'.repeat(7900)}`]);
      }
    } catch (error) {
      if (!/too many notifications/.test((error as Error).message)) throw error;
      await arena.pause(ms);
    } finally {
      await Promise.all([sleeper.end(), talker.end()]);
    }
  },
  'take every connection to the database': async (arena) => {
    const ms = arena.random.between(300, 2500);
    const control = await connectAs(arena, 'chaos control');
    const crowd: pg.Client[] = [];
    try {
      await fill(arena.database.url(), crowd);
      // An ending backend frees its place a moment later, for anybody.
      for (let turn = 0; turn < 5; turn++) {
        await terminate(control, 'hashi-socket%');
        await fill(arena.database.url(), crowd);
      }
      await arena.pause(ms);
    } finally {
      await Promise.all([...crowd, control].map((client) => client.end()));
    }
  },
  'make the database read-only': async (arena) => {
    const ms = arena.random.between(300, 2500);
    const control = await connectAs(arena, 'chaos control');
    try {
      await control.query('alter database hashi set default_transaction_read_only = on');
      // Sessions go by what was set when they began.
      await terminate(control, 'hashi-socket%');
      await terminate(control, 'chaos');
      await arena.pause(ms);
      await control.query('alter database hashi reset default_transaction_read_only');
      await terminate(control, 'hashi-socket%');
      await terminate(control, 'chaos');
    } finally {
      await control.end();
    }
  },
  'fail over to a standby': async (arena) => {
    const { database } = arena;
    const behindMs = arena.random.between(0, 500);
    // One standby is made in a run: what its log says is told from what the log before it says.
    if (database.failedOver) return;
    await database.failOver(behindMs);
    await answering(arena);
    await endPrepared(arena);
  },
};
