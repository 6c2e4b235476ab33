/** The product as a user runs it: a process of its own, on an embedded Postgres in a directory that is thrown away. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly databaseUrl: string;
  /** Of player-1. */
  readonly token: string;
  /** A metric's value now, by its name in Prometheus' text. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** @param env settings over the defaults */
export async function startServerProcess(env: Record<string, string> = {}): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-bench-'));
  const child = spawn(process.execPath, ['--import', 'tsx', main], {
    env: {
      ...process.env,
      PORT: '0',
      HASHI_DATA_DIR: dataDir,
      LOG_LEVEL: 'warn',
      HASHI_DRAIN_MS: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    let output = '';
    const started = await new Promise<{ url: string; token: string; databaseUrl: string }>(
      (resolve, reject) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          const [, url, token] = /^ *(http:\/\/\S+)\/#token=(\S+)$/m.exec(output) ?? [];
          const [, databaseUrl] = /psql '(.+?)'/.exec(output) ?? [];
          if (url !== undefined && token !== undefined && databaseUrl !== undefined) {
            resolve({ url, token, databaseUrl });
          }
        });
        child.once('error', reject);
        void exited.then(() => reject(new Error('the server ended before it listened')));
      },
    );
    return {
      ...started,
      stop,
      async metric(name) {
        const text = await (await fetch(`${started.url}/metrics`)).text();
        return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
