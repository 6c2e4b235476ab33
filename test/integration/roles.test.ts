import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

const suffix = randomBytes(4).toString('hex');
const installer = `hashi_installer_${suffix}`;
const serving = `hashi_server_${suffix}`;
const service = `game_service_${suffix}`;
const password = randomBytes(12).toString('hex');

let database: TestDatabase;
let server: TestServer | undefined;

/** The documented grants, with names of this run's own: roles belong to the whole cluster. */
async function grants(): Promise<string> {
  const text = await readFile(new URL('../../deploy/roles.sql', import.meta.url), 'utf8');
  return text.replaceAll('hashi_installer', installer).replaceAll('hashi_server', serving);
}

function urlOf(role: string): string {
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  return url.href;
}

beforeAll(async () => {
  database = await createDatabase();
  // The tables are there already, made by somebody else.
  const tables = await readFile(
    new URL('../../migrations/0000_business_tables.sql', import.meta.url),
    'utf8',
  );
  await database.query(tables.replaceAll('--> statement-breakpoint', ''));
  await database.query(`create role ${service} login password '${password}'`);
  await database.query(`grant select, insert, update, delete on all tables in schema public to ${service}`);
});
afterAll(async () => {
  await server?.stop();
  for (const role of [installer, serving, service]) {
    await database.query(`drop owned by ${role} cascade`);
    await database.query(`drop role ${role}`);
  }
  await database.drop();
});

describe('the documented roles', () => {
  it('install as one, serve as another, and let a service write as a third', async () => {
    await database.query(await grants());
    await database.query(
      `alter role ${installer} password '${password}'; alter role ${serving} password '${password}'`,
    );

    const client = await connectClient({ url: urlOf(installer), applicationName: 'installer' });
    expect(await migrate(client, { catalog })).toBeGreaterThan(10);
    await client.end();
    await database.query(await grants());

    server = await startServer(urlOf(serving), { MIGRATE_ON_START: 'false' });
    const token = await server.token('p1');
    const raw = rawClient(server, token);
    const io = ioClient(server, token);
    await Promise.all([raw.next('connected'), io.next('connected')]);

    const writer = await connectClient({ url: urlOf(service), applicationName: 'service' });
    const lobby = await writer.query(
      `insert into lobbies (code, host_id) values ('ROLE', 'p1') returning id`,
    );
    await writer.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
      lobby.rows[0].id,
      'p1',
    ]);
    await writer.query('insert into contracts (lobby_id) values ($1)', [lobby.rows[0].id]);
    for (const type of ['lobby.created', 'lobby.joined', 'contract.created']) {
      await Promise.all([raw.next(type), io.next(type)]);
    }

    // A resume and a subscription need all else that the server may call.
    const back = rawClient(server, token, { since: raw.messages[0]?.data.cursor });
    expect(await back.next('connected')).toMatchObject({ data: { recovered: true } });
    await back.next('contract.created');
    back.send({ type: 'subscribe', data: { lobbyId: 'ROLE' }, id: 1 });
    expect(await back.next()).toMatchObject({ type: 'ack' });
    for (const one of [raw, io, back]) one.close();
    await writer.end();
  });

  it.each([
    ['the server', () => serving, 'insert into public.contracts default values'],
    ['the server', () => serving, 'select terms from public.contracts'],
    ['the server', () => serving, 'select * from realtime.events'],
    ['the server', () => serving, 'delete from realtime.log'],
    ['the server', () => serving, 'create table realtime.more (id int)'],
    ['a service', () => service, 'select * from realtime.log'],
    ['a service', () => service, 'select realtime.advance()'],
    [
      'a service',
      () => service,
      `insert into realtime.events (type, occurred_at) values ('contract.created', now())`,
    ],
    ['the installer', () => installer, 'delete from public.contracts'],
  ])('keep %s from more (%#)', async (_who, role, sql) => {
    const client = await connectClient({ url: urlOf(role()), applicationName: 'denied' });
    await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});
