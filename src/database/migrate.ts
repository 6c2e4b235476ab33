/** Brings a database up to date: tables by numbered migrations, functions and triggers by the hash of their text. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { ClientBase } from 'pg';
import { tableTrigger, watchedTables } from '../catalog/triggers.js';
import type { Catalog } from '../catalog/index.js';
import { qualified } from '../catalog/sql.js';
import { OperatorError } from '../errors.js';
import { mustMakeTables, checkRights, checkServer } from './expectations.js';

const folder = new URL('../../migrations/', import.meta.url);

/** Something that is installed by running its text, again whenever the text changes. */
interface Installable {
  readonly name: string;
  readonly text: string;
  readonly hash: string;
}

export interface MigrateOptions {
  /** Whose triggers to install; with `logWith`, one without families. */
  readonly catalog: Catalog;
  /** Installs the log alone, and these texts by name after it: no business tables, no triggers. */
  readonly logWith?: ReadonlyMap<string, string>;
  /** Called before each step that changes the database. */
  readonly onStep?: (step: string) => void;
  /** How long one statement may wait for a lock that a service holds, in milliseconds, before all is tried again. */
  readonly lockTimeoutMs?: number;
  /** How often to try again. */
  readonly attempts?: number;
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);
const installable = (name: string, text: string): Installable => ({ name, text, hash: hashOf(text) });

/** Everything that is installed by its text, in the order it is installed in. */
export async function installables(catalog: Catalog): Promise<Installable[]> {
  const functions = new URL('functions/', folder);
  const files = (await readdir(functions)).filter((file) => file.endsWith('.sql')).sort();
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, functions), 'utf8')));
  return [
    ...files.map((file, index) => installable(`functions/${file}`, texts[index] ?? '')),
    installable('doorbell', doorbellSql),
    ...watchedTables(catalog).map((table) => {
      const { functionName, functionSql } = tableTrigger(catalog, table);
      return installable(
        `triggers/${table.schema}.${table.name}`,
        `${functionSql}\n${triggerSql(qualified(table), functionName)}`,
      );
    }),
  ];
}

/** Functions that only triggers call. */
const triggerFunctions = new Set(['functions/doorbell.sql', 'functions/emit.sql']);

/** What the log needs to be written, numbered and read by somebody who has no triggers. */
async function logInstallables(texts: ReadonlyMap<string, string>): Promise<Installable[]> {
  const functions = (await installables({ families: [], rights: [] })).filter(
    ({ name }) => name.startsWith('functions/') && !triggerFunctions.has(name),
  );
  return [...functions, ...[...texts].map(([name, text]) => installable(name, text))];
}

// No WHEN clause: it would be parsed anew by every statement that writes an event, which costs more than the calls it saves.
const doorbellSql = `
do $$ begin
  if not exists (select from pg_trigger where tgrelid = 'realtime.events'::regclass and tgname = 'ring') then
    create constraint trigger ring after insert on realtime.events
      deferrable initially deferred for each row execute function realtime.ring();
  end if;
end $$;`;

/** Made once and never again: all logic is in the function, which is replaced without a lock on the table. */
function triggerSql(table: string, functionName: string): string {
  const missing = (name: string) =>
    `if not exists (select from pg_trigger where tgrelid = '${table.replaceAll("'", "''")}'::regclass and tgname = '${name}') then`;
  return `do $$ begin
  ${missing('realtime_change')}
    create trigger realtime_change after insert or update or delete on ${table}
      for each row execute function ${functionName}();
  end if;
  ${missing('realtime_truncate')}
    create trigger realtime_truncate after truncate on ${table}
      for each statement execute function ${functionName}();
  end if;
end $$;`;
}

interface Pending {
  readonly migrations: readonly { hash: string; sql: string[]; folderMillis: number }[];
  readonly installs: readonly Installable[];
}

const makesBusinessTables = (migration: { sql: string[] }) =>
  migration.sql.join('').includes('CREATE TABLE "contracts"');

async function pendingOf(
  client: ClientBase,
  { catalog, logWith }: Pick<MigrateOptions, 'catalog' | 'logWith'>,
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
    installs: wanted.filter((item) => hashes.get(item.name) !== item.hash),
  };
}

/** What would be done, without doing it: empty when the database is up to date. */
export async function pendingSteps(client: ClientBase, catalog: Catalog): Promise<string[]> {
  const { migrations, installs } = await pendingOf(client, { catalog });
  return [
    ...migrations.map((migration) => `migration ${migration.hash.slice(0, 8)}`),
    ...installs.map((i) => i.name),
  ];
}

async function apply(client: ClientBase, options: MigrateOptions): Promise<number> {
  const { catalog, onStep } = options;
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = ${options.lockTimeoutMs ?? 2000}`);
    // Instances that start at once take turns; whoever comes second finds nothing left to do.
    await client.query(`select pg_advisory_xact_lock(748177131, hashtext(current_database()))`);
    const { migrations, installs } = await pendingOf(client, options);
    if (migrations.length + installs.length === 0) {
      await client.query('commit');
      return 0;
    }
    await checkRights(client, catalog);
    const makeTables = await mustMakeTables(client, catalog);
    await client.query('create schema if not exists realtime');
    await client.query(
      'create table if not exists realtime.migrations (hash text primary key, at timestamptz not null default now())',
    );
    for (const [index, migration] of migrations.entries()) {
      // The first one makes the business tables: on a database that has them, they are left alone.
      const skip = !makeTables && index === 0 && makesBusinessTables(migration);
      onStep?.(skip ? 'business tables are there already' : `migration ${migration.hash.slice(0, 8)}`);
      if (!skip) for (const statement of migration.sql) await client.query(statement);
      await client.query('insert into realtime.migrations (hash) values ($1)', [migration.hash]);
    }
    for (const item of installs) {
      onStep?.(item.name);
      await client.query(item.text);
      await client.query(
        `insert into realtime.installed (name, hash) values ($1, $2)
         on conflict (name) do update set hash = excluded.hash, at = now()`,
        [item.name, item.hash],
      );
    }
    await client.query('commit');
    return migrations.length + installs.length;
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
