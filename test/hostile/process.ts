/** A server in a process of its own: whether it survives is then no matter of opinion. */
import { loadConfig } from '../../src/config.js';
import { createAuth } from '../../src/auth/index.js';
import { run } from '../support/child.js';

export interface ServerProcess {
  readonly url: string;
  readonly wsUrl: string;
  readonly pid: number;
  token(playerId: string): Promise<string>;
  /** What the server has written that it should not have: errors of its own, and warnings of Node's. */
  complaints(): string[];
  /** Resolves with the match once the server has printed it. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Rejects when the process ends before `stop`. */
  readonly died: Promise<never>;
  stop(): Promise<void>;
}

/**
 * @param dataDir holds the development key, and is the caller's to remove
 * @param nodeArgs options of Node's own
 * @param serveArgs options of `serve`
 */
export async function startProcess(
  databaseUrl: string,
  dataDir: string,
  env: Record<string, string> = {},
  nodeArgs: readonly string[] = [],
  serveArgs: readonly string[] = [],
): Promise<ServerProcess> {
  const settings = {
    DATABASE_URL: databaseUrl,
    HASHI_DATA_DIR: dataDir,
    PORT: '0',
    HASHI_DRAIN_MS: '100',
    LOG_LEVEL: 'warn',
    LOG_FORMAT: 'json',
    ...env,
  };
  const child = run(
    process.execPath,
    [...nodeArgs, '--import', 'tsx', 'src/cli/main.ts', 'serve', ...serveArgs],
    {
      env: { PATH: process.env.PATH ?? '', NODE_OPTIONS: '--trace-warnings', ...settings },
    },
  );
  const [, url = ''] = await child.printed(/hashi-socket listens on (\S+)/);
  const auth = await createAuth(loadConfig(settings).config);
  let stopping = false;
  const died = child.exited.then((code) => {
    // Once it is to stop, nobody is told.
    if (stopping) return new Promise<never>(() => undefined);
    throw new Error(`the server ended (${String(code)}):\n${child.output().slice(-4000)}`);
  });
  died.catch(() => undefined);
  return {
    url,
    wsUrl: url.replace(/^http/, 'ws'),
    pid: child.pid,
    died,
    token: (playerId) => {
      if (!auth.mint) throw new Error('the server is not in development mode');
      return auth.mint({ playerId });
    },
    printed: (pattern) => child.printed(pattern),
    complaints: () =>
      child
        .output()
        .split('\n')
        .filter((line) => /"level":"?(50|60|error|fatal)|Warning:|DeprecationWarning/.test(line)),
    async stop() {
      stopping = true;
      child.signal('SIGTERM');
      await child.exited;
      auth.authenticator.stop();
    },
  };
}
