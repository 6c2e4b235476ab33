/** The database of a run: it is restarted, frozen, and once replaced by its standby; who uses it does so by its addresses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient } from '../../../src/database/client.js';
import { startEmbedded, type EmbeddedPostgres } from '../../../src/database/embedded.js';
import { startProxy, type TcpProxy } from '../../support/proxy.js';
import { freezePostgres } from '../support/freeze.js';
import { startStandby, type Standby } from '../support/standby.js';

/** Few connections and a short queue of notifications: both are to be used up. */
const settings = { max_connections: '60', max_notify_queue_pages: '64' };

export interface ChaosDatabase {
  /** Past every address. */
  url(): string;
  /** Another way to the database, that leads to its standby once that has taken over. */
  address(): Promise<TcpProxy>;
  /** Ends it without a goodbye and starts it again. */
  restart(): Promise<void>;
  /** Every process of it stands still meanwhile. */
  freeze<Result>(meanwhile: () => Promise<Result>): Promise<Result>;
  /** Whether there has been a failover. */
  readonly failedOver: boolean;
  /** Makes a standby; `behind`: ms for which it misses what is committed before the primary ends. */
  failOver(behindMs: number): Promise<void>;
  /** The one before the failover, started once more, for those who look at it afterwards. */
  former(): Promise<string>;
  stop(): Promise<void>;
}

export async function startChaosDatabase(): Promise<ChaosDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-chaos-'));
  const start = (port?: number) =>
    startEmbedded({ dataDir, tuning: 'test', settings, ...(port !== undefined && { port }) });
  let primary: EmbeddedPostgres = await start();
  let standby: Standby | undefined;
  /** It has been started: to be ended, whether it takes over or not. */
  let started: Standby | undefined;
  const addresses: TcpProxy[] = [];
  const kill = async () => {
    const gone = new Promise((resolve) => primary.onExit(resolve));
    process.kill(primary.pid, 'SIGQUIT');
    await gone;
    await primary.stop();
  };
  const current = () => standby ?? primary;
  return {
    url: () => current().url,
    async address() {
      const proxy = await startProxy(current().url);
      addresses.push(proxy);
      return proxy;
    },
    async restart() {
      if (standby) return standby.restart();
      await kill();
      primary = await start(primary.port);
    },
    async freeze(meanwhile) {
      const thaw = await freezePostgres(current().pid);
      try {
        return await meanwhile();
      } finally {
        thaw();
      }
    },
    get failedOver() {
      return standby !== undefined;
    },
    async failOver(behindMs) {
      const replication = await startProxy(primary.url);
      const client = await connectClient({ url: primary.url, applicationName: 'chaos control' });
      const made = await startStandby(client, replication.through(primary.url), settings);
      started = made;
      const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
      for (;;) {
        const { rowCount } = await client.query(
          'select from pg_stat_replication where replay_lsn >= $1::pg_lsn',
          [rows[0]?.lsn],
        );
        if (rowCount === 1) break;
        await sleep(20);
      }
      await client.end();
      // What is committed from here on is lost with the primary.
      replication.refuse();
      replication.cut();
      await sleep(behindMs);
      await kill();
      for (const address of addresses) address.retarget(made.url);
      await made.promote();
      standby = made;
      await replication.stop();
    },
    async former() {
      primary = await start();
      return primary.url;
    },
    async stop() {
      await Promise.all(addresses.map((address) => address.stop()));
      await started?.stop();
      await primary.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
