import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { settingNames } from '../../src/config.js';
import { run as start, type Child } from '../support/child.js';
import { startNode } from '../adapter/support.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer } from '../support/server.js';

let dataDir: string;
let database: TestDatabase;
const children: Child[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-cli-'));
  database = await createDatabase();
  expect((await hashi(['migrate'])).code).toBe(0);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) {
    child.signal('SIGKILL');
    await child.exited;
  }
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

async function hashi(args: string[], env: Record<string, string> = {}) {
  const all: Record<string, string> = {
    HASHI_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    NO_COLOR: '1',
    ...env,
  };
  for (const name of new Set([...settingNames, ...Object.keys(all)])) vi.stubEnv(name, all[name]);
  let out = '';
  let err = '';
  const code = await run(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err, json: () => JSON.parse(out) };
}

/** The results of `doctor`, by check; several of one check are joined. */
async function doctor(env: Record<string, string> = {}) {
  const { code, json } = await hashi(['doctor', '--json'], env);
  const { ok, results } = json() as {
    ok: boolean;
    results: { check: string; status: string; detail: string; fix?: string }[];
  };
  expect(ok).toBe(code === 0);
  return { code, results, of: (check: string) => results.filter((result) => result.check === check) };
}

describe('without a database', () => {
  it.each(['migrate', 'tail', 'why 1 a', 'doctor'])('%s says what to do, and exits 1', async (line) => {
    const { code, out, err } = await hashi(line.split(' '), { DATABASE_URL: '' });
    expect(code).toBe(1);
    expect(out + err).toMatch(/no embedded database runs in .*: start one with "hashi-socket serve"/);
    expect(out + err).not.toMatch(/\n\s+at /);
  });

  it('names what is wrong with the one that is set', async () => {
    const url = 'postgres://user:hunter2@127.0.0.1:1/app';
    const migrate = await hashi(['migrate'], { DATABASE_URL: url });
    expect(migrate).toMatchObject({ code: 1, out: '' });
    expect(migrate.err).toMatch(
      /^hashi-socket: Nothing listens on 127\.0\.0\.1:1: start Postgres there.*\n$/,
    );
    const { results } = await doctor({ DATABASE_URL: url });
    expect(results[0]).toMatchObject({ check: 'database', status: 'failed' });
    expect(JSON.stringify([migrate, results])).not.toContain('hunter2');
  });
});

describe('migrate', () => {
  it('shows what is pending without doing it, does it once, and repairs what was damaged', async () => {
    const fresh = await createDatabase();
    const env = { DATABASE_URL: fresh.url };
    try {
      const planned = (await hashi(['migrate', '--dry-run', '--json'], env)).json().steps;
      expect(planned).toContain('triggers/public.contracts');
      expect(await fresh.query(`select from pg_namespace where nspname = 'realtime'`)).toEqual([]);

      const done = await hashi(['migrate'], env);
      expect(done.code).toBe(0);
      expect(done.out).toContain(`[${planned.length}/${planned.length}] `);
      expect(done.out).toContain('The database has been brought up to date.');
      expect((await hashi(['migrate'], env)).out).toBe('The database is up to date.\n');
      expect((await hashi(['migrate', '--dry-run', '--json'], env)).json()).toEqual({ steps: [] });

      await fresh.query('drop trigger realtime_change on contracts');
      expect((await doctor(env)).of('triggers')).toMatchObject([
        { status: 'failed', fix: expect.stringMatching(/^Run "hashi-socket migrate --repair"\. .*resync/) },
      ]);
      expect((await hashi(['migrate', '--repair', '--json'], env)).json().steps).toContain(
        'triggers/public.contracts',
      );
      expect((await doctor(env)).of('triggers')).toMatchObject([{ status: 'ok' }]);
    } finally {
      await fresh.drop();
    }
  });
});

it('leaves what is recorded as installed when a repair fails', async () => {
  const fresh = await createDatabase();
  const env = { DATABASE_URL: fresh.url };
  try {
    await hashi(['migrate'], env);
    await fresh.query('drop table bounties cascade');
    expect((await hashi(['migrate', '--repair'], env)).err).toMatch(/missing the table public\.bounties/);
    expect((await hashi(['migrate', '--dry-run', '--json'], env)).json()).toEqual({ steps: [] });
    expect((await hashi(['migrate', '--repair', '--dry-run'], env)).out).toContain(
      'triggers/public.contracts',
    );
    const { of } = await doctor(env);
    expect(of('triggers')).toMatchObject([
      { status: 'failed', detail: 'public.bounties is missing, and so are the triggers there.' },
    ]);
  } finally {
    await fresh.drop();
  }
});

describe('doctor', () => {
  it('tells settings that are wrong, or unknown, as results too', async () => {
    const wrong = await doctor({ HASHI_DRAIN_MS: '10s' });
    expect(wrong).toMatchObject({ code: 1, results: [{ check: 'settings', status: 'failed' }] });
    expect(wrong.results[0]?.fix).toMatch(/HASHI_DRAIN_MS is "10s" but must be/);
    const misspelt = await doctor({ HASHI_DRIAN_MS: '10' });
    vi.stubEnv('HASHI_DRIAN_MS', undefined);
    expect(misspelt.code).toBe(0);
    expect(misspelt.of('settings')).toMatchObject([
      { status: 'warning', detail: expect.stringContaining('HASHI_DRAIN_MS') },
    ]);
  });

  it('says what a role without rights cannot see', async () => {
    const role = `blind_${database.name}`;
    await database.query(`create role ${role} login password 'pw'`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'pw';
    try {
      const { code, of } = await doctor({ DATABASE_URL: url.href });
      expect(code).toBe(1);
      expect(of('rights')).toMatchObject([
        {
          status: 'failed',
          detail: expect.stringContaining(`Role "${role}" may not use the schema realtime`),
        },
      ]);
      expect(of('keys')).toHaveLength(1);
      // Its own session sees that the pool of this test has others open, but not since when they are.
      expect(of('transactions')).toMatchObject([
        { status: 'warning', fix: expect.stringContaining('pg_read_all_stats') },
      ]);
    } finally {
      await database.query(`drop role ${role}`);
    }
  });

  it('finds nothing wrong with a database that is up to date', async () => {
    const { code, out } = await hashi(['doctor']);
    expect(code).toBe(0);
    expect(out).toMatch(/^ok +version +PostgreSQL \d+/m);
    expect(out).toMatch(/^ok +functions +All \d+ functions/m);
    expect(out).toMatch(/^ok +notifications/m);
    expect(out).toMatch(/, 0 failed\n$/);
    expect(out).not.toContain('\u001b');
  });

  it('knows a database that the adapter alone uses, and what was changed in it', async () => {
    const other = await createDatabase();
    const env = { DATABASE_URL: other.url };
    const node = await startNode(other.url, { server: { connectionStateRecovery: {} } });
    try {
      const { code, of } = await doctor(env);
      expect(code).toBe(0);
      for (const check of ['schema', 'functions', 'adapter'])
        expect(of(check)).toMatchObject([{ status: 'ok' }]);
      await other.query(
        `create or replace function realtime.adapter_secret() returns text language sql as 'select null'`,
      );
      await other.query(
        `insert into realtime.attachments (created_at, payload) values (now() - interval '1 hour', 'x')`,
      );
      const later = await doctor(env);
      expect(later.code).toBe(1);
      expect(later.of('functions')).toMatchObject([
        { status: 'failed', detail: 'Functions changed: realtime.adapter_secret.' },
      ]);
      expect(later.of('adapter')).toMatchObject([{ status: 'warning' }]);
    } finally {
      await node.stop();
      await other.drop();
    }
  });

  it('fails on a trigger that is disabled or was changed, and on a function that was replaced', async () => {
    const [{ source }] = await database.query(
      `select pg_get_functiondef('realtime.on_bounties'::regproc) as source`,
    );
    await database.query('alter table contracts disable trigger realtime_change');
    await database.query('drop trigger realtime_change on lobbies');
    await database.query(
      'create trigger realtime_change after insert on lobbies for each row execute function realtime.on_lobbies()',
    );
    await database.query(source.replace('begin', 'begin -- by hand'));
    try {
      const { code, of } = await doctor();
      expect(code).toBe(1);
      expect(of('triggers').map(({ detail }) => detail)).toEqual([
        expect.stringMatching(/realtime_change of public\.contracts is disabled/),
        expect.stringMatching(/realtime_change of public\.lobbies has been changed/),
      ]);
      expect(of('functions')).toMatchObject([
        { status: 'failed', detail: 'Functions changed: realtime.on_bounties.' },
      ]);
      // Each says what to run: it is run, and all is well.
      for (const { fix = '' } of of('triggers')) await database.query(fix.split(/[,;] then/)[0] ?? '');
      expect((await hashi(['migrate', '--repair'])).code).toBe(0);
      expect((await doctor()).code).toBe(0);
    } finally {
      await database.query('alter table contracts enable trigger realtime_change');
    }
  });

  it('tells a missing column, and the events that could not be built for it', async () => {
    await database.query('alter table bounties rename column title to headline');
    try {
      await database.query(`insert into bounties (headline, created_by) values ('x', 'a')`);
      const { code, of } = await doctor();
      expect(code).toBe(1);
      expect(of('columns')).toMatchObject([
        { status: 'failed', detail: expect.stringContaining('public.bounties.title') },
      ]);
      const [quarantine] = of('quarantine');
      expect(quarantine).toMatchObject({
        status: 'failed',
        fix: expect.stringContaining('renamed or removed'),
      });
      expect(quarantine?.detail).toMatch(
        /INSERT of public\.bounties \{"id":"[0-9a-f-]{36}"\}: .*title.* \(42703\)/,
      );
    } finally {
      await database.query('alter table bounties rename column headline to title');
    }
  });

  it('warns of a transaction that stays open only when it is old, and of who follows the log', async () => {
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query('begin; select pg_current_xact_id()');
    const { of } = await doctor();
    expect(of('transactions')[0]?.detail).toMatch(/oldest open transaction is \d+ s old \(pid \d+/);
    await client.end();
    expect(of('instances')).toMatchObject([{ status: 'warning' }]);
    const server = await startServer(database.url);
    expect((await doctor()).of('instances')).toMatchObject([
      { status: 'ok', detail: '1 instance follows the log.' },
    ]);
    await server.stop();
  });

  it('asks the key server, and looks at the origins', async () => {
    const env = { AUTH_JWKS_URL: 'http://127.0.0.1:1/jwks', AUTH_AUDIENCE: 'app', ALLOWED_ORIGINS: '*' };
    const { code, of } = await doctor(env);
    expect(code).toBe(1);
    expect(of('keys')).toMatchObject([
      { status: 'failed', detail: expect.stringContaining('127.0.0.1:1 gave no answer') },
    ]);
    expect(of('origins')).toMatchObject([{ status: 'warning' }]);
  });
});

describe('tail', () => {
  it('prints what came after a cursor, by lobby and type, and ends when it is told to', async () => {
    const [{ id }] = await database.query(`insert into lobbies (code) values ('TAIL01') returning id`);
    await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'ann')`, [id]);
    await database.query(`insert into contracts (lobby_id, stake_amount) values ($1, 12345678901234567890)`, [
      id,
    ]);
    await database.query(`insert into lobbies (code) values ('TAIL02')`);
    const past = async (...args: string[]) =>
      (await hashi(['tail', '--since', '0', '--no-follow', '--json', ...args])).out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    const events = await past('--lobby', 'TAIL01');
    expect(events.map(({ type }) => type)).toEqual(['lobby.created', 'lobby.joined', 'contract.created']);
    expect(await past('--lobby', id)).toEqual(events);
    expect(events[2].data.payload.stakeAmount).toBe('12345678901234567890');
    expect((await past('--lobby', 'TAIL01', '--type', 'lobby.joined')).map(({ member }) => member)).toEqual([
      'ann',
    ]);
    const after = await hashi(['tail', '--since', events[1].cursor, '--no-follow', '--lobby', 'TAIL01']);
    expect(after.out).toMatch(
      /^#\d+ +\S+Z +contract\.created +TAIL01 +– +status=created stakeAmount=12345678901234567890 players=\[0\]\n$/,
    );
    // The event has the code alone: which lobby has that is known all the same.
    const byId = await hashi(['tail', '--since', events[1].cursor, '--no-follow', '--lobby', id]);
    expect(byId.out).toBe(after.out);
    const nowhere = await hashi(['tail', '--since', '0', '--no-follow', '--lobby', 'NOSUCH']);
    expect(nowhere).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringMatching(/there is no lobby NOSUCH/),
    });
  });

  it('refuses what is no cursor or no event as wrong usage, and a cursor of another log', async () => {
    expect((await hashi(['tail', '--since', 'nonsense'])).code).toBe(2);
    expect((await hashi(['tail', '--type', 'lobby.jonied'])).code).toBe(2);
    const foreign = await hashi(['tail', '--since', '0123456789ab-1', '--no-follow']);
    expect(foreign.code).toBe(1);
    expect(foreign.err).toMatch(/is of another log/);
  });

  it('follows the log, and goes on after its connection was cut, without a hole', async () => {
    const child = start(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', 'tail', '--since', '0', '--type', 'bounty'],
      {
        env: { PATH: process.env.PATH ?? '', HASHI_DATA_DIR: dataDir, DATABASE_URL: database.url },
      },
    );
    children.push(child);
    const add = (title: string) =>
      database.query(`insert into bounties (title, created_by) values ($1, 'a')`, [title]);
    await add('before');
    await child.printed(/title=before/);
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'hashi-socket listener'`,
    );
    await add('while-away');
    await child.printed(/title=while-away/);
    await add('after');
    await child.printed(/title=after/);
    expect(child.output()).toContain('hashi-socket: connected again.');
    expect(child.output().match(/title=/g)).toHaveLength(3);
    child.signal('SIGINT');
    expect(await child.exited).toBe(0);
  });
});

describe('why', () => {
  it('explains each rule by the log', async () => {
    const [{ id }] = await database.query(
      `insert into lobbies (code, host_id) values ('WHY001', 'host') returning id`,
    );
    const join = (player: string) =>
      database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [id, player]);
    await join('early');
    await join('late');
    await database.query(`delete from lobby_participants where lobby_id = $1 and player_id = 'early'`, [id]);
    await database.query('insert into contracts default values');
    const [{ id: contractId }] = await database.query(
      'insert into contracts (lobby_id) values ($1) returning id',
      [id],
    );
    await database.query(
      `insert into storage (contract_id, player_id, kind) values ($1, 'late', 'external_url')`,
      [contractId],
    );
    const asked = ['tail', '--since', '0', '--no-follow', '--json', '--lobby', 'WHY001'];
    const entries = (await hashi(asked)).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const [created, joinEarly, joinLate, left, contract, file] = entries;
    const why = async (entry: any, player: string) =>
      (await hashi(['why', entry.cursor, player, '--json'])).json();

    expect(await why(created, 'host')).toMatchObject({ sent: 'yes', rule: 'addressed' });
    expect(await why(created, 'early')).toMatchObject({ sent: 'no', rule: 'not-a-member' });
    expect(await why(joinEarly, 'early')).toMatchObject({ sent: 'yes', rule: 'own-join' });
    expect(await why(joinLate, 'early')).toMatchObject({ sent: 'yes', rule: 'member' });
    expect((await why(joinLate, 'early')).reason).toContain(`it had joined (#${joinEarly.seq})`);
    expect(await why(left, 'early')).toMatchObject({ sent: 'yes', rule: 'own-leave' });
    expect(await why(contract, 'nobody')).toMatchObject({ sent: 'yes', rule: 'everyone' });
    expect(await why(file, 'late')).toMatchObject({ sent: 'yes', rule: 'member' });
    const refused = await why(file, 'early');
    expect(refused).toMatchObject({ sent: 'no', rule: 'not-a-member', type: 'storage.external_url_created' });
    expect(refused.reason).toContain(`it had left (#${left.seq})`);

    const text = await hashi(['why', String(file.seq), 'early']);
    expect(text).toMatchObject({ code: 0, err: '' });
    expect(text.out).toMatch(
      /^#\d+ storage\.external_url_created of \S+Z was not sent to early \(rule: not-a-member\)\.\n/,
    );
    // A member sees the end of its lobby, which ends its membership; who had left does not.
    await database.query('delete from storage; delete from contracts where lobby_id is not null');
    await database.query(`update lobbies set visibility = 'public' where id = $1`, [id]);
    await database.query('delete from lobbies where id = $1', [id]);
    const gone = (await hashi(asked)).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .at(-1);
    expect(gone.type).toBe('lobby.deleted');
    expect(await why(gone, 'late')).toMatchObject({ sent: 'yes', rule: 'member' });
    expect(await why(gone, 'early')).toMatchObject({ sent: 'subscription', rule: 'not-a-member' });
  });

  it('says when there is no such event', async () => {
    expect((await hashi(['why', '99999999', 'a'])).err).toMatch(
      /There is no event #99999999 yet: the log ends at #\d+\./,
    );
    expect((await hashi(['why', 'what', 'a'])).code).toBe(2);
  });
});

describe('asyncapi', () => {
  it('prints the document', async () => {
    const { code, json } = await hashi(['asyncapi']);
    expect(code).toBe(0);
    expect(json()).toMatchObject({ asyncapi: '3.0.0' });
  });
});
