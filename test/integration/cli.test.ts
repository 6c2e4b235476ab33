/** The commands but `doctor` and `serve`, on a database. */
import { describe, expect, it } from 'vitest';
import { run as start } from '../support/child.js';
import { createDatabase } from '../support/database.js';
import { children, database, dataDir, doctor, hashi } from './command-line.js';

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
