/** Brings a database up to date: tables by numbered migrations, functions and triggers by the hash of their text. */
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { ClientBase } from 'pg';
import type { Catalog } from '../catalog/index.js';
import { literal } from '../catalog/sql.js';
import { OperatorError } from '../errors.js';
import { pinSearchPath } from './client.js';
import { mustMakeTables, checkRights, checkServer } from './expectations.js';
import { installables, logInstallables, type Installable } from './installables.js';

const folder = new URL('../../migrations/', import.meta.url);

export interface MigrateOptions {
  /** Whose triggers to install; with `logWith`, one without families. */
  readonly catalog: Catalog;
  /** Installs the log alone, and these texts by name after it: no business tables, no triggers. */
  readonly logWith?: ReadonlyMap<string, string>;
  /** The business tables are there already: an error when they are not, instead of making them. */
  readonly existingTables?: true;
  /** Installs functions and triggers again, though they are recorded as installed. */
  readonly repair?: true;
  /** Called before each step that changes the database. */
  readonly onStep?: (step: string) => void;
  /** How long one statement may wait for a lock that a service holds, in milliseconds, before all is tried again. */
  readonly lockTimeoutMs?: number;
  /** How often to try again. */
  readonly attempts?: number;
  /** After so long without the next statement Postgres gives up on us, and changes nothing, in milliseconds. */
  readonly standstillMs?: number;
}

const pinForNow = pinSearchPath.replace('set ', 'set local ');

/** What makes the business tables names no schema for them. */
const inPublic = (migration: { sql: string[] }): readonly string[] =>
  makesBusinessTables(migration)
    ? ['set local search_path = public, pg_temp', ...migration.sql, pinForNow]
    : migration.sql;

interface Pending {
  readonly migrations: readonly { hash: string; sql: string[]; folderMillis: number }[];
  readonly installs: readonly Installable[];
}

const makesBusinessTables = (migration: { sql: string[] }) =>
  migration.sql.join('').includes('CREATE TABLE "contracts"');

async function pendingOf(
  client: ClientBase,
  { catalog, logWith, repair }: Pick<MigrateOptions, 'catalog' | 'logWith' | 'repair'>,
): Promise<Pending> {
  const all = readMigrationFiles({ migrationsFolder: fileURLToPath(folder) }).filter(
    (migration) => !logWith || !makesBusinessTables(migration),
  );
  const wanted = await (logWith ? logInstallables(logWith) : installables(catalog));
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('realtime.migrations') is not null and to_regclass('realtime.installed') is not null as there`,
  );
  if (!rows[0]?.there) return { migrations: all, installs: wanted };
  const applied = await client.query<{ hash: string }>('select hash from realtime.migrations');
  const known = new Set(applied.rows.map((row) => row.hash));
  const installed = await client.query<{ name: string; hash: string }>(
    'select name, hash from realtime.installed',
  );
  const hashes = new Map(installed.rows.map((row) => [row.name, row.hash]));
  return {
    migrations: all.filter((migration) => !known.has(migration.hash)),
    installs: wanted.filter((item) => repair === true || hashes.get(item.name) !== item.hash),
  };
}

/** What would be done, without doing it: empty when the database is up to date. */
export async function pendingSteps(
  client: ClientBase,
  catalog: Catalog,
  logWith?: MigrateOptions['logWith'],
  repair?: true,
): Promise<string[]> {
  const { migrations, installs } = await pendingOf(client, {
    catalog,
    ...(logWith && { logWith }),
    ...(repair && { repair }),
  });
  return [
    ...migrations.map((migration) => `migration ${migration.hash.slice(0, 8)}`),
    ...installs.map((i) => i.name),
  ];
}

/** One step: what it is called, and the SQL that takes it. */
interface Step {
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Instances that start at once take turns; whoever comes second finds nothing left to do. By a lock on a table of ours,
 * which nobody else may lock: advisory locks are everybody's. Before there is a table, making it is what they wait at.
 */
const takeTurnsSql: readonly string[] = [
  'create schema if not exists realtime',
  'create table if not exists realtime.migrations (hash text primary key, at timestamptz not null default now())',
  'lock table realtime.migrations in share update exclusive mode',
];
const waitSql = (milliseconds: number) => `set local lock_timeout = ${Math.floor(milliseconds)}`;
const lockTimeoutMs = 2000;

/** Locks are held that writers wait for: not by who stands still in the middle, or whose machine is gone. */
export const notHeldLongSql = (milliseconds = 10_000) =>
  `set local idle_in_transaction_session_timeout = ${Math.floor(milliseconds)}`;

/**
 * What is to be done in this database as it is, in order; empty when it is up to date.
 * @throws OperatorError when the role could not do it, or the business tables are not as the events need them
 */
async function planOf(client: ClientBase, options: MigrateOptions): Promise<Step[]> {
  const { catalog } = options;
  const { migrations, installs } = await pendingOf(client, options);
  if (migrations.length + installs.length === 0) return [];
  await checkRights(client, catalog);
  const makeTables = await mustMakeTables(client, catalog);
  if (makeTables && options.existingTables) {
    throw new OperatorError(
      'The database has no business tables: name yours in the mapping of hashi-socket.config, or point DATABASE_URL ' +
        'at the database that has them. "hashi-socket migrate" makes the documented ones.',
    );
  }
  const needed = await neededIn(client);
  const steps = migrations.map((migration, index): Step => {
    // The first one makes the business tables: on a database that has them, they are left alone.
    const skip = !makeTables && index === 0 && makesBusinessTables(migration);
    return {
      name: skip ? 'business tables are there already' : `migration ${migration.hash.slice(0, 8)}`,
      statements: [
        ...(skip ? [] : inPublic(migration)),
        `insert into realtime.migrations (hash) values (${literal(migration.hash)})`,
      ],
    };
  });
  steps.push(
    ...installs.map(({ name, text, hash }) => ({
      name,
      statements: [
        text,
        `insert into realtime.installed (name, hash) values (${literal(name)}, ${literal(hash)}) ` +
          `on conflict (name) do update set hash = excluded.hash, at = now()`,
      ],
    })),
  );
  return steps.map(({ name, statements }) => ({ name, statements: statements.filter(needed) }));
}

const makesSchema = /^(--.*\n)*create schema if not exists realtime;?\s*$/;

/** Who owns the schema need not be allowed to make one: what makes it is left out where it is. */
async function neededIn(client: ClientBase): Promise<(sql: string) => boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regnamespace('realtime') is not null as there`,
  );
  return (sql) => !(rows[0]?.there && makesSchema.test(sql));
}

/**
 * The SQL that `migrate` would run in this database as it is, whole and in order, for psql or any other client: one
 * transaction. Empty when there is nothing to do. Changes nothing itself.
 * @throws OperatorError when the role could not do it, or the business tables are not as the events need them
 */
export async function migrationSql(client: ClientBase, options: MigrateOptions): Promise<string[]> {
  await checkServer(client);
  const steps = await planOf(client, options);
  if (steps.length === 0) return [];
  const work = steps.flatMap(({ name, statements }) =>
    statements.map((sql, at) => (at === 0 ? `-- ${name}\n${sql}` : sql)),
  );
  const turns = takeTurnsSql.filter(await neededIn(client));
  return [
    'begin',
    pinForNow,
    waitSql(options.lockTimeoutMs ?? lockTimeoutMs),
    ...turns,
    ...work,
    'commit',
  ].map((sql) => (/;\s*$/.test(sql) ? sql.trimEnd() : `${sql.trimEnd()};`));
}

async function apply(client: ClientBase, options: MigrateOptions): Promise<number> {
  await client.query('begin');
  try {
    await client.query(pinForNow);
    await client.query(
      `${waitSql(options.lockTimeoutMs ?? lockTimeoutMs)}; ${notHeldLongSql(options.standstillMs)}`,
    );
    // Refused before anything is tried, where it is not allowed.
    let steps = await planOf(client, options);
    if (steps.length > 0) {
      for (const turn of takeTurnsSql.filter(await neededIn(client))) await client.query(turn);
      steps = await planOf(client, options);
    }
    for (const { name, statements } of steps) {
      options.onStep?.(name);
      for (const statement of statements) await client.query(statement);
    }
    await client.query('commit');
    return steps.length;
  } catch (error) {
    await client.query('rollback').catch(() => client.emit('error', new Error('rollback failed')));
    throw error;
  }
}

const codeOf = (error: unknown) =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

/** Lock timeout, deadlock, serialization failure: somebody else was faster, or is in the way for a moment. */
const passing = new Set(['55P03', '40P01', '40001', '23505', 'XX000']);

/**
 * Installs or updates everything, in one transaction, or changes nothing.
 *
 * Safe to run by any number of instances at once. An up-to-date database gets no DDL.
 * Returns how many steps it took; throws `OperatorError` with what to do.
 */
export async function migrate(client: ClientBase, options: MigrateOptions): Promise<number> {
  await checkServer(client);
  const { migrations, installs } = await pendingOf(client, options);
  if (migrations.length + installs.length === 0) return 0;
  const attempts = options.attempts ?? 30;
  for (let attempt = 1; ; attempt++) {
    try {
      return await apply(client, options);
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      if (!passing.has(codeOf(error)) || attempt === attempts) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new OperatorError(
          `The database could not be brought up to date: ${reason}. Nothing was changed; ` +
            `run "hashi-socket migrate" as the owner of the tables.`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
    }
  }
}

/** Throws unless everything is installed: for instances that may not change the database. */
export async function requireUpToDate(client: ClientBase, catalog: Catalog): Promise<void> {
  await checkServer(client);
  const steps = await pendingSteps(client, catalog);
  if (steps.length > 0) {
    throw new OperatorError(
      `The database is not up to date (${steps.slice(0, 3).join(', ')}${steps.length > 3 ? ', …' : ''}): ` +
        `run "hashi-socket migrate" first, or set MIGRATE_ON_START=true.`,
    );
  }
}
