/** Somebody who follows the log by itself, and the load that makes it hold the bell. */
import { Feed } from '../../src/log/feed.js';
import type { TestDatabase } from './database.js';
import type { MigratedDatabase } from './migrated.js';

export interface Follower {
  /** Resolves when so many entries have come since it began. */
  until(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Follows the log: by default with no sweep, so that what nobody rings for is found by looking on, or never. */
export async function followLog(url: string, { sweepMs = 1e9, timeoutMs = 10_000 } = {}): Promise<Follower> {
  let waiting: { count: number; done: () => void } | undefined;
  let seen = 0;
  const look = () => {
    if (waiting && seen >= waiting.count) waiting.done();
  };
  const feed = new Feed({
    url,
    sweepMs,
    timeoutMs,
    observer: {
      onEntries: (entries) => {
        seen += entries.length;
        look();
      },
      onGap: (reason) => {
        throw new Error(reason);
      },
    },
  });
  await feed.start();
  return {
    until: (count) =>
      new Promise<void>((done) => {
        waiting = { count, done };
        look();
      }),
    stop: () => feed.stop(),
  };
}

/** The backend of a listener that holds the bell's lock, if one does; other databases of the cluster have bells too. */
export async function bellHolder(database: Pick<TestDatabase, 'query'>): Promise<number | undefined> {
  const [holder] = await database.query(
    `select pid from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and classid = 748177132 and granted and application_name = 'hashi-socket listener'
       and datname = current_database()`,
  );
  return holder?.pid;
}

/** Four that commit one event after another. @returns what stops them, and how many they have written then */
export async function writeOn(database: Pick<MigratedDatabase, 'connect'>): Promise<() => Promise<number>> {
  const writers = await Promise.all(Array.from({ length: 4 }, () => database.connect()));
  let [written, going] = [0, true];
  const done = writers.map(async (writer) => {
    for (; going; written++) await writer.query('insert into contracts default values');
    await writer.end();
  });
  return async () => {
    going = false;
    await Promise.all(done);
    return written;
  };
}
