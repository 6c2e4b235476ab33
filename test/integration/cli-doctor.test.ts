/** `doctor`: what it finds, and what it says to do. */
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { startNode } from '../adapter/support.js';
import { createDatabase } from '../support/database.js';
import { startServer } from '../support/server.js';
import { database, doctor, hashi } from './command-line.js';

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
