/** An instance of the product: the built command line in a process of its own, on a database that is there. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuth } from '../../src/auth/index.js';
import { loadConfig } from '../../src/config.js';
import { serverCore, startNode } from '../support/processes.js';

export interface Instance {
  readonly pid: number;
  readonly port: number;
  /** One token for each player. */
  tokens(players: readonly string[]): Promise<string[]>;
  /** A metric's value now, by its name in Prometheus' text. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

export interface InstanceOptions {
  readonly databaseUrl: string;
  /** A core, or `0-1`; the server's unless given. */
  readonly cores?: number | string;
  readonly env?: Record<string, string>;
}

/** As the image and `npm start` have it. */
const youngGeneration = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

/** Node's own arguments for instances, set by `--profile`. */
export const nodeArguments: string[] = [];

export async function startInstance({
  databaseUrl,
  cores = serverCore,
  env,
}: InstanceOptions): Promise<Instance> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-bench-'));
  const child = startNode(cores, [...youngGeneration, ...nodeArguments, 'dist/cli/main.js', 'serve'], {
    DATABASE_URL: databaseUrl,
    PORT: '0',
    HASHI_DATA_DIR: dataDir,
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: '50000',
    HASHI_MAX_UNSENT_BYTES: String(64 << 20),
    // Long enough for an overloaded machine to answer pings in.
    HASHI_HEARTBEAT_TIMEOUT_MS: '120000',
    HASHI_DRAIN_MS: '0',
    LOG_LEVEL: 'error',
    NODE_ENV: 'development',
    ...env,
  });
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const [, found] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? [];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const { mint } = await createAuth(loadConfig({ HASHI_DATA_DIR: dataDir }).config);
  if (!mint) throw new Error('the benchmark needs development mode: unset the keys');
  return {
    pid: child.pid ?? 0,
    port,
    tokens: (players) => Promise.all(players.map((playerId) => mint({ playerId }))),
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    },
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
