/** A Postgres of the system's own, where its programs are installed: it comes with pg_dump, which the embedded one lacks. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { giveTo, spawnIds, whoRunsPostgres } from '../../src/database/unprivileged.js';

const run = promisify(execFile);
const root = '/usr/lib/postgresql';

/** Where the newest one's programs are, 14 or newer; null where there is none. */
export function systemPrograms(): string | null {
  if (!existsSync(root)) return null;
  const versions = readdirSync(root)
    .map(Number)
    .filter((version) => version >= 14);
  const folders = versions.sort((a, b) => b - a).map((version) => join(root, String(version), 'bin'));
  return (
    folders.find((bin) =>
      ['initdb', 'pg_ctl', 'pg_dump', 'pg_restore'].every((name) => existsSync(join(bin, name))),
    ) ?? null
  );
}

export interface SystemPostgres {
  /** A superuser's. */
  url(database: string): string;
  /** Runs one of its programs, as the user that the server runs as; what it prints. */
  program(name: string, ...args: string[]): Promise<string>;
  /** A folder that its programs may write to. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Fast and not durable; on a free port of 127.0.0.1. */
export async function startSystemPostgres(bin: string): Promise<SystemPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'hashi-system-postgres-'));
  const data = join(folder, 'data');
  const runAs = await whoRunsPostgres(data);
  await chmod(folder, 0o700);
  await giveTo(runAs, folder);
  const program = async (name: string, ...args: string[]) =>
    (await run(join(bin, name), args, { cwd: folder, ...spawnIds(runAs), maxBuffer: 64 << 20 })).stdout;
  await program(
    'initdb',
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-sync',
    '--locale=C',
  );
  let port = 0;
  for (let attempt = 1; ; attempt++) {
    port = randomInt(20_000, 32_000);
    const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off`;
    try {
      await program(
        'pg_ctl',
        '-D',
        data,
        '-w',
        '-t',
        '60',
        '-l',
        join(folder, 'log'),
        '-o',
        options,
        'start',
      );
      break;
    } catch (error) {
      // Somebody else's port.
      if (attempt === 5) throw error;
    }
  }
  return {
    url: (database) => `postgres://postgres@127.0.0.1:${port}/${database}`,
    program,
    folder,
    async stop() {
      await program('pg_ctl', '-D', data, '-m', 'immediate', 'stop');
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
