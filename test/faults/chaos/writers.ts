/** Services that change rows, and note what they have committed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from './random.js';
import { timelineSql } from '../support/commits.js';
import { transactionOf, type Journal, type Transaction, type World } from './world.js';

/** The database went away: an error of the connection, or its last words. */
export const isLoss = (code: string | undefined) =>
  code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(57P|08)/.test(code);

/** A deadlock, and a conflict of SERIALIZABLE: the writer has written nothing then. */
const conflicts = ['40P01', '40001'];
/** The database is read-only, a standby say; the connection may stay so though the database does not. */
const readOnly = ['25006', '0A000'];

const codeOf = (error: unknown) => (error as { code?: string }).code;

/** Writes until `running` says no. Rows are shared by all writers, so that they wait for each other and commit late. */
export async function write(
  name: string,
  pool: pg.Pool,
  world: World,
  journal: Journal,
  random: Random,
  running: () => boolean,
): Promise<void> {
  for (let turn = 0; running(); turn++) {
    const mark = `${name}-${turn}`;
    const client = await pool.connect().catch((_away: unknown) => undefined);
    if (!client) {
      await sleep(50);
      continue;
    }
    let lost: Error | undefined;
    let committing = false;
    let prepared = false;
    let askedAt = 0;
    let transaction: Transaction = { xid: 0n, timeline: '' };
    const end = random.next();
    const serializable = random.next() < 0.2;
    try {
      await client.query(serializable ? 'begin isolation level serializable' : 'begin');
      await change(client, mark, world, journal, random);
      transaction = await transactionOf(client);
      // Some commit late: others number meanwhile.
      if (random.next() < 0.15) await client.query(`select pg_sleep($1)`, [random.between(0.01, 0.2)]);
      if (end < 0.1) {
        await client.query('rollback');
        journal.rolledBack.add(mark);
      } else {
        if (end < 0.18) {
          prepared = true;
          await client.query(`prepare transaction '${mark}'`);
        }
        committing = true;
        askedAt = performance.now();
        await client.query(prepared ? `commit prepared '${mark}'` : 'commit');
        journal.committed.set(mark, { ...transaction, askedAt, prepared });
      }
    } catch (error) {
      const code = codeOf(error);
      lost = error as Error;
      if (prepared) await settle(pool, journal, mark, transaction, committing ? { askedAt } : undefined);
      else if (isLoss(code)) journal[committing ? 'unknown' : 'rolledBack'].add(mark);
      else {
        journal.rolledBack.add(mark);
        if (conflicts.includes(code ?? '')) {
          lost = await client.query('rollback').then(() => undefined, asLost);
        } else if (!readOnly.includes(code ?? '')) throw error;
      }
    } finally {
      client.release(lost);
    }
    await sleep(random.between(1, 12));
  }
}

const asLost = (error: unknown) => error as Error;

/**
 * Ends a prepared transaction, however long the database takes to come back.
 * @param commit whether to commit it; when that has been asked for already, if it has
 */
export async function settle(
  pool: pg.Pool,
  journal: Journal,
  mark: string,
  { xid, timeline }: Transaction,
  commit?: { readonly askedAt: number | undefined },
): Promise<void> {
  let firstAskedAt = commit?.askedAt;
  for (;;) {
    const client = await pool.connect().catch((_away: unknown) => undefined);
    let there = '';
    let failure: Error | undefined;
    try {
      const found = await client?.query<{ timeline: string }>(`select ${timelineSql} as timeline`);
      there = found?.rows[0]?.timeline ?? '';
      const askedAt = performance.now();
      firstAskedAt ??= askedAt;
      await client?.query(`${commit ? 'commit' : 'rollback'} prepared '${mark}'`);
      if (client) {
        if (commit) journal.committed.set(mark, { xid, timeline: there, askedAt, prepared: true });
        else journal.rolledBack.add(mark);
        return;
      }
    } catch (error) {
      failure = error as Error;
      if (codeOf(error) === '42704') {
        // It is gone: committed by the call that got no answer, or never prepared, or lost with its database.
        if (!commit) journal.rolledBack.add(mark);
        else if (there !== timeline) journal.unknown.add(mark);
        else journal.committed.set(mark, { xid, timeline, askedAt: firstAskedAt ?? 0, prepared: true });
        return;
      }
    } finally {
      client?.release(failure);
    }
    await sleep(50);
  }
}

async function change(
  client: pg.PoolClient,
  mark: string,
  world: World,
  journal: Journal,
  random: Random,
): Promise<void> {
  const index = random.below(world.contracts.length);
  const [lobby, contract] = [world.lobbies[index], world.contracts[index]];
  const player = random.pick(world.players);
  // In every change, one event that holds the mark: the contract's, which everyone gets, with a number that counts up.
  await client.query(
    `update contracts set contested_at = clock_timestamp(), contested_by = $2,
       terms = jsonb_build_object('n', (terms->>'n')::int + 1) where id = $1`,
    [contract, mark],
  );
  switch (random.below(4)) {
    case 0:
      await client.query(
        'insert into lobby_participants (lobby_id, player_id) values ($1, $2) on conflict do nothing',
        [lobby, player],
      );
      break;
    case 1:
      await client.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [
        lobby,
        player,
      ]);
      break;
    case 2:
      journal.files.add(mark);
      await client.query(
        `insert into storage (contract_id, player_id, kind, url) values ($1, $2, 'external_url', $3)`,
        [contract, player, mark],
      );
      break;
    case 3:
      await client.query('savepoint here');
      await client.query(`insert into contracts (status) values ('undone')`);
      await client.query('rollback to here');
      break;
  }
}
