/** A database with everything installed, and what the triggers have written into it. */
import type pg from 'pg';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { connectTimeoutMs, createDatabase, type TestDatabase } from './database.js';

/** A row of `realtime.events`; `data` parsed. */
export interface WrittenEvent {
  readonly id: string;
  readonly type: string;
  readonly room: string | null;
  readonly player: string | null;
  readonly effect: string | null;
  readonly member: string | null;
  readonly data: any;
  readonly failure: any;
}

export interface MigratedDatabase extends TestDatabase {
  /** A connection of its own; closed with the database. */
  connect(url?: string): Promise<pg.Client>;
  /** Runs the SQL and returns what was written into `realtime.events` by anybody meanwhile, in order. */
  written(sql: string | (() => Promise<unknown>), params?: unknown[]): Promise<WrittenEvent[]>;
  /** The `data.type`, or the entry's own type, of what the SQL made happen. */
  types(sql: string | (() => Promise<unknown>), params?: unknown[]): Promise<string[]>;
}

export async function createMigratedDatabase(): Promise<MigratedDatabase> {
  const database = await createBareDatabase();
  await migrate(await database.connect(), { catalog });
  return database;
}

/** The same with nothing in it, for those who install it their own way. */
export async function createBareDatabase(): Promise<MigratedDatabase> {
  const database = await createDatabase();
  const clients: pg.Client[] = [];
  const connect = async (url = database.url) => {
    const client = await connectClient({ url, applicationName: 'test', connectTimeoutMs });
    clients.push(client);
    return client;
  };
  const since = async (id: string) =>
    (await database.query(
      `select id, type, room, player, effect, member, data::json, failure
       from realtime.events where id > $1 order by id`,
      [id],
    )) as WrittenEvent[];
  const written = async (sql: string | (() => Promise<unknown>), params?: unknown[]) => {
    const [last] = await database.query('select coalesce(max(id), 0) as id from realtime.events');
    if (typeof sql === 'string') await database.query(sql, params);
    else await sql();
    return since(last.id);
  };
  return {
    ...database,
    connect,
    written,
    types: async (sql, params) => (await written(sql, params)).map((event) => event.type),
    drop: async () => {
      await Promise.all(clients.map((client) => client.end()));
      await database.drop();
    },
  };
}
