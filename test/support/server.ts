/** A real server on a real database, as a user would run it, in this process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuth } from '../../src/auth/index.js';
import { loadConfig } from '../../src/config.js';
import type { Hooks } from '../../src/hooks.js';
import { createServer, type HashiServer } from '../../src/server.js';
import { createLogger } from '../../src/telemetry/logger.js';

export interface TestServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  readonly server: HashiServer;
  /** Every line the server has logged, as JSON text. */
  readonly logs: readonly string[];
  /** A token of the development key for this player. */
  token(playerId: string, options?: { expiresInSeconds?: number }): Promise<string>;
  stop(): Promise<void>;
}

/**
 * @param databaseUrl of a database of the test file's own
 * @param env settings, by their names in the environment
 * @param hooks what an embedding program adds
 */
export async function startServer(
  databaseUrl: string,
  env: Record<string, string> = {},
  hooks: Hooks = {},
): Promise<TestServer> {
  const ownDir = env['HASHI_DATA_DIR'] === undefined;
  const dataDir = env['HASHI_DATA_DIR'] ?? (await mkdtemp(join(tmpdir(), 'hashi-test-')));
  const { config } = loadConfig({
    DATABASE_URL: databaseUrl,
    PORT: '0',
    HASHI_DATA_DIR: dataDir,
    HASHI_DRAIN_MS: '200',
    LOG_LEVEL: 'debug',
    ...env,
  });
  const logs: string[] = [];
  const logger = createLogger({
    level: config.logLevel,
    format: 'json',
    destination: { write: (line: string) => void logs.push(line) },
  });
  const server = createServer({ config, logger, hooks });
  const { url } = await server.start();
  const auth = await createAuth(config);
  return {
    url,
    wsUrl: url.replace(/^http/, 'ws'),
    server,
    logs,
    token: async (playerId, options = {}) => {
      if (!auth.mint) throw new Error('the server is not in development mode');
      return auth.mint({ playerId, ...options });
    },
    async stop() {
      await server.stop();
      auth.authenticator.stop();
      if (ownDir) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
