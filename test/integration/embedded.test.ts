/** The embedded Postgres through everything a machine does to it: first start, restart, kills, second owners. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectClient } from '../../src/database/client.js';
import { startEmbedded, type EmbeddedOptions, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { goneWithin, isAlive } from '../../src/database/process.js';
import { OperatorError } from '../../src/errors.js';

const ownerScript = fileURLToPath(new URL('../support/embedded-owner.ts', import.meta.url));

let dataDir: string;
const running: EmbeddedPostgres[] = [];
const owners: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-embedded-'));
});

afterEach(async () => {
  for (const owner of owners.splice(0)) {
    if (owner.exitCode !== null || owner.signalCode !== null) continue;
    owner.kill('SIGTERM');
    await once(owner, 'exit');
  }
  for (const postgres of running.splice(0)) await postgres.stop();
  await chmod(dataDir, 0o700);
  await rm(dataDir, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const postgres = await startEmbedded({ dataDir, tuning: 'test', ...options });
  running.push(postgres);
  return postgres;
}

/** A process of its own that owns the data directory; resolves once its Postgres is up. */
async function startOwner(): Promise<{ owner: ChildProcess; url: string; pid: number }> {
  const owner = spawn(process.execPath, ['--import', 'tsx', ownerScript, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  owners.push(owner);
  const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
  return { owner, ...(JSON.parse(line) as { url: string; pid: number }) };
}

async function query(url: string, sql: string): Promise<any[]> {
  const client = await connectClient({ url, applicationName: 'test' });
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

describe('startEmbedded', () => {
  it('makes a UTF-8 database in UTC from nothing and stops it, twice if asked', async () => {
    const postgres = await start({ tuning: 'durable', settings: { work_mem: '5MB' } });
    expect(postgres.adopted).toBe(false);
    const [row] = await query(
      postgres.url,
      `select current_database() as name, current_setting('server_encoding') as encoding, upper('ä') as upper,
        current_setting('timezone') as timezone, current_setting('fsync') as fsync,
        current_setting('server_version_num')::int / 10000 as version, current_setting('work_mem') as work_mem,
        current_setting('listen_addresses') as addresses, current_setting('max_connections') as connections`,
    );
    expect(row).toEqual({
      name: 'hashi',
      encoding: 'UTF8',
      upper: 'Ä',
      timezone: 'UTC',
      fsync: 'on',
      version: 18,
      work_mem: '5MB',
      addresses: '127.0.0.1',
      connections: '200',
    });
    await Promise.all([postgres.stop(), postgres.stop()]);
    await postgres.stop();
    expect(isAlive(postgres.pid)).toBe(false);
  });

  it('finds its data again on the port it had, also after the data directory was moved', async () => {
    const first = await start();
    await query(first.url, 'create table kept as select 42 as n');
    await first.stop();
    const before = dataDir;
    dataDir += '-moved';
    await rename(before, dataDir);
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('takes another port when the last one is taken meanwhile, and says so when it was asked for that one', async () => {
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const second = await start();
      expect(second.port).not.toBe(first.port);
      expect(second.port).toBeLessThan(32_768);
      await second.stop();
      await expect(start({ port: first.port })).rejects.toThrow(`Port ${first.port} is taken`);
    } finally {
      squatter.close();
    }
  });

  it('keeps the password out of arguments, environment, log and other users’ reach', async () => {
    const postgres = await start();
    const { password } = new URL(postgres.url);
    expect(password.length).toBeGreaterThan(20);
    await expect(query(postgres.url.replace(password, 'wrong'), 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toContain(password);
    expect((await stat(join(dataDir, 'postgres.json'))).mode & 0o777).toBe(0o600);
    if (process.platform === 'linux') {
      expect(await readFile(`/proc/${postgres.pid}/cmdline`, 'utf8')).not.toContain(password);
      expect(await readFile(`/proc/${postgres.pid}/environ`, 'utf8')).not.toContain(password);
    }
  });

  it('tells when Postgres ends without having been told to, and not when it was stopped', async () => {
    const postgres = await start();
    const ended = new Promise((resolve) => postgres.onExit(resolve));
    process.kill(postgres.pid, 'SIGKILL');
    expect(await ended).toEqual({ code: null, signal: 'SIGKILL' });
    await postgres.stop();

    const again = await start();
    let told = false;
    again.onExit(() => (told = true));
    await again.stop();
    expect(told).toBe(false);
  });

  it('refuses settings that would be more than one line', async () => {
    await expect(start({ settings: { work_mem: "1MB'\nfsync = 'off" } })).rejects.toThrow(OperatorError);
  });

  it('says why Postgres did not start, and leaves nothing behind', async () => {
    await expect(start({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start .*invalid value for parameter "shared_buffers"/,
    );
    await start();
  });
});

describe('an owner that is gone', () => {
  it('leaves Postgres running when it is killed, and the next one adopts it', async () => {
    const { owner, url, pid } = await startOwner();
    await query(url, 'create table kept as select 42 as n');
    await kill(owner, 'SIGKILL');
    expect(isAlive(pid)).toBe(true);

    const postgres = await start();
    expect(postgres).toMatchObject({ adopted: true, pid, url });
    expect(await query(postgres.url, 'select n from kept')).toEqual([{ n: 42 }]);
    await postgres.stop();
    expect(isAlive(pid)).toBe(false);
  });

  it('restarts what it adopts when the settings have changed', async () => {
    const { owner, pid } = await startOwner();
    await kill(owner, 'SIGKILL');
    const postgres = await start({ settings: { work_mem: '7MB' } });
    expect(postgres.adopted).toBe(false);
    expect(isAlive(pid)).toBe(false);
    expect(await query(postgres.url, 'show work_mem')).toEqual([{ work_mem: '7MB' }]);
  });

  it('took Postgres with it: the next one recovers what was committed', async () => {
    const { owner, url, pid } = await startOwner();
    await query(url, 'create table kept as select 42 as n');
    await kill(owner, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await goneWithin(pid, 5_000);
    const postgres = await start();
    expect(postgres.adopted).toBe(false);
    expect(await query(postgres.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('is not mistaken for a stranger that was given the pid of its Postgres', async () => {
    const first = await start();
    await first.stop();
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
    await writeFile(
      pidFile,
      `${process.pid}\n${join(dataDir, 'postgres')}\n1\n${first.port}\n\n127.0.0.1\n\nready   \n`,
    );
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(second.pid).not.toBe(process.pid);
  });

  it('does not block the directory with a claim whose process is gone', async () => {
    const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(dead, 'exit');
    await writeFile(join(dataDir, 'owner.json'), JSON.stringify({ pid: dead.pid }));
    await start();
  });
});

describe('an owner that lives', () => {
  it('is named to whoever wants its directory', async () => {
    const { owner, url } = await startOwner();
    await expect(start()).rejects.toThrow(`is in use by process ${owner.pid}`);
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('is this very process, and named so too', async () => {
    await start();
    await expect(start()).rejects.toThrow(`in use by this process (pid ${process.pid})`);
  });

  it('keeps its Postgres through a Ctrl-C to its whole process group', async () => {
    const { owner, url, pid } = await startOwner();
    const exited = once(owner, 'exit');
    process.kill(-(owner.pid as number), 'SIGINT');
    await exited;
    expect(isAlive(pid)).toBe(true);
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await (await start()).stop();
  });
});

describe.runIf(process.getuid?.() === 0)('as root', () => {
  it('runs Postgres as another user', async () => {
    const postgres = await start();
    expect((await stat(`/proc/${postgres.pid}`)).uid).not.toBe(0);
  });

  it('puts the database where that user can get to it when the data directory is not', async () => {
    await chmod(dataDir, 0o700);
    const hidden = join(dataDir, 'hidden');
    await mkdir(hidden);
    const first = await start({ dataDir: hidden });
    await query(first.url, 'create table kept as select 42 as n');
    await first.stop();
    const second = await start({ dataDir: hidden });
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
    const [row] = await query(second.url, 'show data_directory');
    await second.stop();
    expect(row.data_directory).not.toContain(dataDir);
    await rm(join(row.data_directory as string, '..'), { recursive: true });
  });
});
