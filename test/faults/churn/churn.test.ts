/** That every delivery follows the order of the log, however fast players come and go. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCursor } from '../../../src/log/position.js';
import { rawClient } from '../../support/clients.js';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { startServer, type TestServer } from '../../support/server.js';
import { readLog } from '../chaos/log.js';
import { churnSettings, runChurn } from './run.js';

let database: TestDatabase;
let server: TestServer;
beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, churnSettings);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

const seqOf = (id: string | undefined) => parseCursor(id ?? '')?.seq ?? -1;

describe('players that come and go', () => {
  it(
    'are told all from their place on, nothing from before a join or after a leave, whenever they connect',
    { timeout: 120_000 },
    async () => {
      const { joins, leaves, subscribes, unsubscribes, visits, deliveries, vitals, ...faults } =
        await runChurn({
          pool: database.pool,
          server,
          changes: 1000,
          seed: 1,
        });
      expect(faults).toEqual({ unauthorised: 0, missing: 0, disorder: 0, misgreeted: 0 });
      expect(Math.min(joins, leaves, subscribes, unsubscribes, visits)).toBeGreaterThan(20);
      expect(deliveries).toBeGreaterThan(1000);
      expect(vitals).toMatchObject({ lost: 0, unready: 0 });
      expect(vitals.pings).toBeGreaterThan(2);
    },
  );

  it(
    'have a subscription from its acknowledgement to its end, while rights come and go',
    { timeout: 60_000 },
    async () => {
      const [{ id: lobby }] = await database.query(
        `insert into lobbies (code, visibility) values ('OPEN', 'public') returning id`,
      );
      const [{ id: contract }] = await database.query(
        'insert into contracts (lobby_id) values ($1) returning id',
        [lobby],
      );
      let churning = true;
      const writer = async () => {
        for (let turn = 0; churning; turn++) {
          await database.query(
            `insert into storage (contract_id, player_id, kind) values ($1, 'x', 'external_url')`,
            [contract],
          );
          // Everyone gets these: they show a subscriber where in the log it is.
          await database.query('insert into contracts default values');
          // Others come and go; and the lobby is private for a moment now and then.
          await database.query(
            turn % 2 === 0
              ? 'insert into lobby_participants (lobby_id, player_id) values ($1, $2)'
              : 'delete from lobby_participants where lobby_id = $1 and player_id = $2',
            [lobby, 'somebody'],
          );
          if (turn % 10 === 9) {
            for (const visibility of ['private', 'public']) {
              await database.query('update lobbies set visibility = $2 where id = $1', [lobby, visibility]);
              await database.query(
                `insert into storage (contract_id, player_id, kind) values ($1, 'x', 'external_url')`,
                [contract],
              );
            }
          }
        }
      };
      const writing = writer();
      const token = await server.token('watcher');
      const watch = async () => {
        const client = rawClient(server, token, { resume: '1' });
        await client.next('connected');
        const spans: { before: number; from: number; to: number }[] = [];
        for (let round = 0; round < 12; round++) {
          client.send({ type: 'subscribe', id: `s${round}`, data: { lobbyId: lobby } });
          const answer = await client.next(({ data }) => data.id === `s${round}`);
          const from = seqOf((await client.next('contract.created')).id);
          for (let count = 0; count < 3; count++) await client.next('contract.created');
          const to = seqOf((await client.next('contract.created')).id);
          const known = client.messages.slice(0, client.messages.indexOf(answer));
          if (answer.type === 'ack')
            spans.push({ before: Math.max(...known.map(({ id }) => seqOf(id))), from, to });
          client.send({ type: 'unsubscribe', id: `u${round}`, data: { lobbyId: lobby } });
          await client.next(({ data }) => data.id === `u${round}`);
        }
        client.close();
        return { spans, messages: client.messages };
      };
      const watchers = await Promise.all([watch(), watch(), watch()]);
      churning = false;
      await writing;

      const log = await readLog(database.pool);
      let spans = 0;
      for (const watcher of watchers) {
        const told = new Set(watcher.messages.map(({ id }) => seqOf(id)));
        let open = false;
        const authorised = new Set<number>();
        const ends: number[] = [];
        for (const { seq, room, type, data } of log) {
          if (room !== `lobby:${lobby}`) continue;
          if (type === 'lobby.created') open = true;
          if (type === 'realtime.rights') {
            open = (JSON.parse(data ?? '{}') as { public: boolean }).public;
            if (!open) ends.push(seq);
          } else if (open) authorised.add(seq);
          else expect(told.has(seq), `${seq} was told while the lobby was private`).toBe(false);
        }
        for (const { before, from, to } of watcher.spans) {
          // A subscription that ended with the right is renewed by whoever wants it.
          const until = ends.find((end) => end > before) ?? Number.POSITIVE_INFINITY;
          const missing = [...authorised].filter(
            (seq) => seq > from && seq < Math.min(to, until) && !told.has(seq),
          );
          expect(missing).toEqual([]);
          spans++;
        }
      }
      expect(spans).toBeGreaterThan(12);
    },
  );
});
