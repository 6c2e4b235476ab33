/** Writers as fast as they can: pgbench where there is one, processes of Node's otherwise. */
import { execFile, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Contracts that are written to, by a number that is their id as well. */
export const contracts = 10_000;

/** Every one of these is an event. */
export const update =
  "update contracts set contested_at = clock_timestamp() where id = lpad(to_hex($N::int), 32, '0')::uuid";

export const fillContracts = `insert into contracts (id, stake_amount, terms)
  select lpad(to_hex(n), 32, '0')::uuid, 1000000000000000000, '{"game": "chess"}' from generate_series(1, ${contracts}) n`;

export interface Written {
  readonly transactions: number;
  readonly tps: number;
}

export interface WriteOptions {
  readonly url: string;
  readonly clients: number;
  readonly seconds: number;
}

export const hasPgbench = spawnSync('pgbench', ['--version']).error === undefined;
export const writerName = hasPgbench ? 'pgbench' : 'processes of Node’s with pg';

export const write = (options: WriteOptions): Promise<Written> =>
  hasPgbench ? withPgbench(options) : withNode(options);

async function withPgbench({ url, clients, seconds }: WriteOptions): Promise<Written> {
  const folder = mkdtempSync(join(tmpdir(), 'hashi-writers-'));
  const script = join(folder, 'update.sql');
  writeFileSync(script, `\\set n random(1, ${contracts})\n${update.replace('$N', ':n')};\n`);
  const threads = String(Math.min(clients, 2));
  const { hostname, port, username, password, pathname } = new URL(url);
  try {
    const { stdout } = await promisify(execFile)(
      'pgbench',
      [
        ...[
          '-n',
          '-M',
          'prepared',
          '-c',
          String(clients),
          '-j',
          threads,
          '-T',
          String(seconds),
          '-f',
          script,
        ],
        ...['-h', hostname, '-p', port, '-U', username, pathname.slice(1)],
      ],
      { env: { ...process.env, PGPASSWORD: password } },
    );
    const read = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1]);
    const failed = read(/failed transactions: (\d+)/);
    if (failed > 0) throw new Error(`void run: ${failed} writes failed`);
    const written = {
      transactions: read(/actually processed: (\d+)/),
      tps: read(/tps = ([\d.]+) \(without initial/),
    };
    if (!(written.tps > 0)) throw new Error(`void run: pgbench said ${stdout.slice(0, 500)}`);
    return written;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function withNode({ url, clients, seconds }: WriteOptions): Promise<Written> {
  const processes = Math.min(clients, 4);
  const counts = await Promise.all(
    Array.from({ length: processes }, async (_, n) => {
      const own = Math.ceil((clients - n) / processes);
      const child = fork(
        new URL('./node-writer.ts', import.meta.url),
        [url, String(own), String(seconds), update, String(contracts)],
        {
          execArgv: ['--import', 'tsx'],
        },
      );
      const [count] = (await once(child, 'message')) as [number];
      return count;
    }),
  );
  const transactions = counts.reduce((sum, count) => sum + count, 0);
  return { transactions, tps: transactions / seconds };
}
