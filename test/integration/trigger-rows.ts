/** A migrated database for a test file, and rows to change in it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

export let db: MigratedDatabase;
beforeAll(async () => {
  db = await createMigratedDatabase();
});
afterAll(() => db.drop());

/** Returns the row's id. */
export const insert = async (sql: string, params: unknown[] = []): Promise<string> =>
  (await db.query(`${sql} returning *`, params))[0].id;
export const newLobby = (columns = '', values = '') =>
  insert(`insert into lobbies (code${columns}) values ('${randomUUID()}'${values})`);
export const newContract = (lobby: string | null = null) =>
  insert('insert into contracts (lobby_id) values ($1)', [lobby]);
