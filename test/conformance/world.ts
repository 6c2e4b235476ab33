/** A server on a database of its own, the rows of other services in it, and the clients of one test. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Message } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { undocumented, type Client, type ConnectOptions, type Driver } from './drivers.js';

export interface Lobby {
  readonly id: string;
  readonly code: string;
}

export interface World {
  readonly database: TestDatabase;
  readonly server: TestServer;
  query: TestDatabase['query'];
  /** Inserts a row, by SQL names; returns it. */
  insert(table: string, row: Record<string, unknown>): Promise<any>;
  /** A lobby with a code of its own, and these players in it. */
  lobby(row?: Record<string, unknown>, players?: readonly string[]): Promise<Lobby>;
  /** A new file of a contract of the lobby: an event that the lobby's whole room gets. Returns its id. */
  file(lobbyId: string): Promise<string>;
  /** A client that is closed after the test; `open` waits until it is live. */
  connect(driver: Driver, playerId: string, options?: ConnectOptions & At): Promise<Client>;
  open(driver: Driver, playerId: string, options?: ConnectOptions & At): Promise<Client>;
  /** Has a client closed after the test. */
  keep<T extends { close(): void }>(client: T): T;
  /** What each client got since it was last looked at, up to an event made now that everyone gets. */
  settle(...clients: Client[]): Promise<(readonly Message[])[]>;
}

interface At {
  /** The world's own server unless given. */
  readonly server?: TestServer;
  readonly expiresInSeconds?: number;
}

/** A player nobody else is. */
export const somebody = (name = 'player'): string => `${name}-${randomUUID().slice(0, 8)}`;

/** Starts before the file's tests and is gone after them. */
export function useWorld(env: Record<string, string> = {}): World {
  let database: TestDatabase;
  let server: TestServer;
  let clients: { close(): void }[] = [];

  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.url, env);
  });
  afterEach(() => {
    for (const client of clients) client.close();
    clients = [];
    expect(undocumented.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await server?.stop();
    await database?.drop();
  });

  const query: TestDatabase['query'] = (sql, params) => database.query(sql, params);
  const world: World = {
    get database() {
      return database;
    },
    get server() {
      return server;
    },
    query,
    async insert(table, row) {
      const names = Object.keys(row);
      const places = names.map((_name, at) => `$${at + 1}`);
      const values =
        names.length > 0 ? `(${names.join(', ')}) values (${places.join(', ')})` : 'default values';
      const [inserted] = await query(`insert into ${table} ${values} returning *`, Object.values(row));
      return inserted;
    },
    async lobby(row = {}, players = []) {
      const code = `L${randomUUID().slice(0, 8).toUpperCase()}`;
      const lobby = await world.insert('lobbies', { code, ...row });
      for (const player of players) {
        await world.insert('lobby_participants', { lobby_id: lobby.id, player_id: player });
      }
      return { id: lobby.id, code: lobby.code };
    },
    async file(lobbyId) {
      const contract = await world.insert('contracts', { lobby_id: lobbyId });
      const file = await world.insert('storage', {
        contract_id: contract.id,
        player_id: 'somebody',
        kind: 'external_url',
      });
      return file.id;
    },
    async connect(driver, playerId, { server: at = server, expiresInSeconds, ...options } = {}) {
      const token = await at.token(playerId, expiresInSeconds === undefined ? {} : { expiresInSeconds });
      return world.keep(driver.connect(at, token, options));
    },
    async open(driver, playerId, options) {
      const client = await world.connect(driver, playerId, options);
      await client.next('connected');
      return client;
    },
    keep(client) {
      clients.push(client);
      return client;
    },
    async settle(...watched) {
      const title = `marker ${randomUUID()}`;
      await world.insert('bounties', { title, created_by: 'nobody' });
      return Promise.all(
        watched.map(async (client) => {
          const seen = await client.until((message) => message.data?.payload?.title === title);
          // Answers to what a raw client asked come as messages with an id.
          return seen.slice(0, -1).filter(({ data }) => data?.id === undefined);
        }),
      );
    },
  };
  return world;
}

/** The room events among messages, as `type` or, for a file, its id: what a lobby's room has told a client. */
export function roomEvents(messages: readonly Message[]): string[] {
  return messages.flatMap(({ type, data }) => {
    if (type === 'lobby:event') return [data.type as string];
    return type === 'storage:event' ? [data.storageId as string] : [];
  });
}
