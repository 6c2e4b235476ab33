/** The command line beside a `hashi-socket.config.ts` with families of a project's own: what it installs, and how it shows drift. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

describe('the commands, beside a hashi-socket.config.ts with families', () => {
  let folder: string;
  let fresh: TestDatabase;
  const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).pathname);

  beforeAll(async () => {
    fresh = await createDatabase();
    await fresh.query(`
      create schema app;
      create table app.guilds (id uuid primary key, title text not null);
      create table app.notices (id bigserial primary key, body jsonb)`);
    folder = await mkdtemp(join(tmpdir(), 'hashi-config-'));
    await writeFile(
      join(folder, 'hashi-socket.config.ts'),
      `import * as on from ${source('catalog/index.ts')};
       import { defineConfig } from ${source('index.ts')};
       const guilds = on.table('app.guilds', { id: 'uuid', title: 'text' });
       const notices = on.table('app.notices', { id: 'bigint', body: 'json' });
       export default defineConfig({
         documentedFamilies: false,
         families: [
           on.family('guild:event', {
             table: guilds, keys: { guildId: on.column(guilds, 'id') }, audience: on.everyone,
             events: { 'guild.made': on.inserted() }, payload: on.object(on.columns(guilds, 'title')),
           }),
           on.family('notice:event', {
             table: notices, keys: {}, audience: on.everyone,
             events: { 'notice.posted': on.inserted() }, payload: on.column(notices, 'body'),
           }),
         ],
       });`,
    );
  });
  afterAll(async () => {
    await fresh.drop();
    await rm(folder, { recursive: true });
  });

  async function hashi(...args: string[]): Promise<{ code: number; output: string }> {
    const cwd = process.cwd();
    process.chdir(folder);
    vi.stubEnv('DATABASE_URL', fresh.url);
    let output = '';
    const print = (text: string) => void (output += text);
    const code = await run(args, { out: print, err: print });
    vi.unstubAllEnvs();
    process.chdir(cwd);
    return { code, output };
  }
  async function findings(): Promise<Record<string, string>> {
    const { output } = await hashi('doctor', '--json');
    const { results } = JSON.parse(output.slice(output.indexOf('{'))) as {
      results: { check: string; status: string; detail: string }[];
    };
    return Object.fromEntries(
      results
        .filter(({ check }) => ['schema', 'columns', 'types', 'functions', 'triggers'].includes(check))
        .map(({ check, status, detail }) => [check, status === 'ok' ? 'ok' : detail]),
    );
  }
  const good = { schema: 'ok', columns: 'ok', types: 'ok', functions: 'ok', triggers: 'ok' };

  it('install the triggers, print the SQL first, and find nothing wrong', async () => {
    const before = await fresh.query('select oid from pg_class order by 1');
    const dry = await hashi('install', '--dry-run');
    expect(dry.output).toContain(
      'create trigger realtime_change after insert or update or delete on app.guilds',
    );
    expect(await fresh.query('select oid from pg_class order by 1')).toEqual(before);
    expect((await hashi('migrate')).code).toBe(0);
    expect(await findings()).toEqual(good);
    await fresh.query(`insert into app.guilds values (gen_random_uuid(), 'smiths')`);
    expect(await fresh.query(`select type, room from realtime.events`)).toEqual([
      { type: 'guild.made', room: '*' },
    ]);
  });

  it.each<[string, string, string, Record<string, unknown>]>([
    [
      'a column that is renamed',
      'alter table app.guilds rename title to name',
      'alter table app.guilds rename name to title',
      { columns: expect.stringMatching(/Missing: app\.guilds\.title/) },
    ],
    [
      'a column of another type, told as another kind of value',
      `alter table app.guilds alter title type int using 1`,
      'alter table app.guilds alter title type text',
      { types: expect.stringMatching(/app\.guilds\.title is integer.*a number.*a string/) },
    ],
    [
      'a trigger that is disabled',
      'alter table app.notices disable trigger realtime_change',
      'alter table app.notices enable trigger realtime_change',
      { triggers: expect.stringMatching(/realtime_change of app\.notices is disabled/) },
    ],
  ])('show drift: %s', async (_what, change, back, expected) => {
    await fresh.query(change);
    expect(await findings()).toEqual({ ...good, ...expected });
    await fresh.query(back);
  });

  it('have nothing against columns that are added, or change to a type that is told alike', async () => {
    await fresh.query(`alter table app.guilds add column more jsonb, alter title type varchar(20)`);
    expect(await findings()).toEqual(good);
  });

  it('take all of it away again', async () => {
    expect((await hashi('uninstall', '--yes')).code).toBe(0);
    expect(await fresh.query('select tgname from pg_trigger where not tgisinternal')).toEqual([]);
  });
});
