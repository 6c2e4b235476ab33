/** What a database must be before anything is installed in it, each checked with a sentence that says what to do. */
import type { ClientBase } from 'pg';
import type { Audience, Fields, TableRef } from '../catalog/define.js';
import { catalog as documented, type Catalog } from '../catalog/index.js';
import { ident } from '../catalog/sql.js';
import { watchedTables } from '../catalog/triggers.js';
import { OperatorError } from '../errors.js';

const oldestVersion = 140000;

/** Refuses what is no Postgres, is too old, or cannot be written. */
export async function checkServer(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{
    version: string;
    number: string;
    recovering: boolean;
    read_only: string;
  }>(
    `select version() as version, current_setting('server_version_num') as number,
       pg_is_in_recovery() as recovering, current_setting('transaction_read_only') as read_only`,
  );
  const server = rows[0];
  if (!server || !server.version.startsWith('PostgreSQL')) {
    throw new OperatorError(
      `DATABASE_URL points at something that is not PostgreSQL (${server?.version ?? 'no version'}): use PostgreSQL 14 or newer.`,
    );
  }
  if (Number(server.number) < oldestVersion) {
    throw new OperatorError(
      `The database is ${server.version.split(' on ')[0]}, which is too old: use PostgreSQL 14 or newer.`,
    );
  }
  if (server.recovering || server.read_only === 'on') {
    throw new OperatorError(
      'The database is read-only (a standby, or default_transaction_read_only): point DATABASE_URL at the primary.',
    );
  }
}

/** Refuses a role that could not finish: told before anything is changed. */
export async function checkRights(client: ClientBase, catalog: Catalog): Promise<void> {
  const { rows } = await client.query<{ role: string; create: boolean; owns: boolean; there: boolean }>(
    `select current_user as role, has_database_privilege(current_database(), 'create') as create,
       n.oid is not null as there, coalesce(pg_has_role(n.nspowner, 'usage'), false) as owns
     from (select 1) one left join pg_namespace n on n.nspname = 'realtime'`,
  );
  const role = rows[0];
  if (role && (role.there ? !role.owns : !role.create)) {
    throw new OperatorError(
      role.there
        ? `Role "${role.role}" does not own the schema "realtime": run the migration as its owner.`
        : `Role "${role.role}" may not create the schema "realtime": GRANT CREATE ON DATABASE to it, have the owner of ` +
            `the database run CREATE SCHEMA realtime AUTHORIZATION ${ident(role.role)}, or migrate as another role.`,
    );
  }
  const denied: string[] = [];
  for (const table of watchedTables(catalog)) {
    const { rows: found } = await client.query<{ allowed: boolean }>(
      `select has_table_privilege(c.oid, 'trigger') and has_table_privilege(c.oid, 'select') as allowed
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
      [table.schema, table.name],
    );
    if (found[0] && !found[0].allowed) denied.push(`${table.schema}.${table.name}`);
  }
  if (denied.length > 0) {
    throw new OperatorError(
      `Role "${role?.role ?? ''}" may not create triggers on ${denied.join(', ')}: ` +
        `GRANT SELECT, TRIGGER ON ${denied.join(', ')} to it, or migrate as the owner of the tables.`,
    );
  }
  const schemas = new Set([...columnsRead(catalog).values()].map(({ table }) => table.schema));
  const { rows: closed } = await client.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname = any ($1) and not has_schema_privilege(oid, 'usage')`,
    [[...schemas]],
  );
  if (closed.length > 0) {
    const names = closed.map(({ name }) => ident(name)).join(', ');
    throw new OperatorError(
      `Role "${role?.role ?? ''}" may not look into the schema ${names}: GRANT USAGE ON SCHEMA ${names} to it, ` +
        `or migrate as the owner of the tables.`,
    );
  }
}

/** Every column of each table that the catalogue reads. */
export function columnsRead(catalog: Catalog): Map<string, { table: TableRef; columns: Set<string> }> {
  const tables = new Map<string, { table: TableRef; columns: Set<string> }>();
  const add = (table: TableRef, ...columns: string[]) => {
    const name = `${table.schema}.${table.name}`;
    const entry = tables.get(name) ?? { table, columns: new Set<string>() };
    columns.forEach((column) => entry.columns.add(column));
    tables.set(name, entry);
  };
  const addFields = (fields: Fields, table: TableRef, changed: TableRef | undefined): void => {
    for (const { source } of Object.values(fields)) {
      switch (source.kind) {
        case 'column':
          add(table, source.column);
          break;
        case 'lookup':
          if (source.through) add(table, source.through.by);
          if (source.through) add(source.through.table, source.through.key);
          add(source.through?.table ?? table, source.by);
          add(source.table, source.key, source.column);
          break;
        case 'list':
          add(source.table, source.by, source.orderBy);
          addFields(source.fields, source.table, undefined);
          break;
        case 'count':
          add(source.table, source.by);
          break;
        case 'changed':
          if (changed) add(changed, source.column);
          break;
        case 'object':
          addFields(source.fields, table, changed);
          break;
      }
    }
  };
  const addAudience = (audience: Audience, table: TableRef) => {
    if (audience.kind === 'everyone') return;
    if (audience.kind === 'room' && audience.through) {
      add(table, audience.through.by);
      add(audience.through.table, audience.through.key, audience.column);
    } else add(table, audience.column);
  };
  for (const family of catalog.families) {
    const relation = Object.values(family.events).find((event) => event.relation)?.relation;
    add(family.table, ...family.primaryKey);
    addFields({ ...family.keys, payload: family.payload }, family.table, relation?.table);
    addAudience(family.audience, family.table);
    for (const event of Object.values(family.events)) {
      const table = event.relation?.table ?? family.table;
      if (event.relation) add(table, event.relation.by, ...event.relation.primaryKey);
      if ('column' in event.transition) add(table, event.transition.column);
      if (event.alsoPlayer !== undefined) add(family.table, event.alsoPlayer);
    }
  }
  for (const watch of catalog.rights) add(watch.table, watch.room, ...watch.columns);
  if (catalog.lobbies) {
    const { lobbies: l, participants: p, contracts: c } = catalog.lobbies;
    add(l.table, l.id, l.code, l.visibility);
    add(p.table, p.lobby, p.player, p.joinedAt);
    add(c.table, c.lobby, c.mediator);
  }
  return tables;
}

/**
 * Compares the business tables with the catalogue. Returns whether the documented ones are to be made: none of
 * them is there, and the catalogue has them. Some of them missing, a table of the project's own missing, or a
 * column of any, is an `OperatorError`.
 */
export async function mustMakeTables(client: ClientBase, catalog: Catalog): Promise<boolean> {
  const ours = new Set(catalog.mapped ? [] : watchedTables(documented).map(nameOf));
  const absent: string[] = [];
  const broken: string[] = [];
  let present = 0;
  for (const { table, columns } of columnsRead(catalog).values()) {
    const there = await columnsOf(client, table);
    if (there.size === 0) {
      if (ours.has(nameOf(table))) absent.push(nameOf(table));
      else broken.push(`the table ${nameOf(table)}`);
      continue;
    }
    if (ours.has(nameOf(table))) present++;
    const missing = [...columns].filter((column) => !there.has(column));
    if (missing.length > 0) broken.push(`${nameOf(table)} (${missing.join(', ')})`);
  }
  if (present > 0) broken.push(...absent.map((name) => `the table ${name}`));
  if (broken.length > 0) {
    throw new OperatorError(
      `The database has business tables, but not all that the events need: missing ${broken.join('; ')}. ` +
        (catalog.mapped
          ? `Add them, or correct the mapping in hashi-socket.config.`
          : `Add them, or point DATABASE_URL at an empty database to have the documented ones made.`),
    );
  }
  return absent.length > 0;
}

const nameOf = (table: TableRef) => `${table.schema}.${table.name}`;

async function columnsOf(client: ClientBase, table: TableRef): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ column: string }>(
    `select a.attname as column from pg_attribute a
     join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2 and a.attnum > 0 and not a.attisdropped`,
    [table.schema, table.name],
  );
  return new Set(rows.map((row) => row.column));
}
