/** Instances of the server as processes of their own, to be killed, stopped and started again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuth } from '../../src/auth/index.js';
import { loadConfig } from '../../src/config.js';
import { run, type Child } from './child.js';

export interface Instance {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  readonly child: Child;
  /** Resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<number | string | null>;
}

export interface Fleet {
  /** @param env settings of this instance, over those of the fleet */
  start(env?: Record<string, string>): Promise<Instance>;
  /** A token that every instance of the fleet takes. */
  token(playerId: string, options?: { expiresInSeconds?: number }): Promise<string>;
  /** Kills what still runs. */
  stop(): Promise<void>;
}

/** Instances on one database and with one key, as behind a load balancer. */
export async function createFleet(databaseUrl: string, env: Record<string, string> = {}): Promise<Fleet> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-fleet-'));
  const { config } = loadConfig({ DATABASE_URL: databaseUrl, HASHI_DATA_DIR: dataDir });
  const auth = await createAuth(config);
  const instances = new Set<Instance>();
  return {
    async start(own = {}) {
      const child = run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'serve'], {
        env: {
          ...process.env,
          NODE_ENV: 'test',
          PORT: '0',
          HASHI_DATA_DIR: dataDir,
          HASHI_DRAIN_MS: '300',
          LOG_FORMAT: 'json',
          DATABASE_URL: databaseUrl,
          ...env,
          ...own,
        },
      });
      const [, url = ''] = await child.printed(/hashi-socket listens on (\S+)/);
      const instance: Instance = {
        url,
        wsUrl: url.replace(/^http/, 'ws'),
        child,
        async kill(signal = 'SIGKILL') {
          child.signal(signal);
          const how = await child.exited;
          instances.delete(instance);
          return how;
        },
      };
      instances.add(instance);
      return instance;
    },
    token: async (playerId, options = {}) => {
      if (!auth.mint) throw new Error('the fleet is not in development mode');
      return auth.mint({ playerId, ...options });
    },
    async stop() {
      await Promise.all([...instances].map((instance) => instance.kill()));
      auth.authenticator.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
