/** Services that change rows, and a journal of what they have committed. */
import type pg from 'pg';
import type { Random } from './random.js';

export interface World {
  readonly lobbies: readonly string[];
  /** A contract of each lobby, for storage rows. */
  readonly contracts: readonly string[];
  readonly players: readonly string[];
}

export interface Journal {
  /** Marks of committed changes: each is in one event's payload. */
  readonly committed: Set<string>;
  /** Marks of changes that were rolled back: in no event. */
  readonly rolledBack: Set<string>;
  /** Marks of changes whose COMMIT got no answer: in one event, or in none. */
  readonly unknown: Set<string>;
}

export async function createWorld(pool: pg.Pool): Promise<World> {
  const lobbies: string[] = [];
  const contracts: string[] = [];
  for (const code of ['RED', 'GREEN', 'BLUE', 'GREY']) {
    const lobby = await pool.query<{ id: string }>('insert into lobbies (code) values ($1) returning id', [
      code,
    ]);
    lobbies.push(lobby.rows[0]?.id ?? '');
    const contract = await pool.query<{ id: string }>(
      `insert into contracts (lobby_id, terms) values ($1, '{"n": 0}') returning id`,
      [lobbies.at(-1)],
    );
    contracts.push(contract.rows[0]?.id ?? '');
  }
  return { lobbies, contracts, players: Array.from({ length: 8 }, (_, index) => `player-${index}`) };
}

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
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    let committing = false;
    let lost: Error | undefined;
    const back = random.next() < 0.1;
    try {
      await client.query('begin');
      await change(client, mark, world, random);
      // Some commit late: others number meanwhile.
      if (random.next() < 0.15) await client.query(`select pg_sleep($1)`, [random.between(0.01, 0.2)]);
      committing = !back;
      await client.query(back ? 'rollback' : 'commit');
      journal[back ? 'rolledBack' : 'committed'].add(mark);
    } catch (error) {
      const { code } = error as { code?: string };
      if (isLoss(code)) {
        lost = error as Error;
        journal[committing ? 'unknown' : 'rolledBack'].add(mark);
      } else {
        await client.query('rollback');
        journal.rolledBack.add(mark);
        // Two writers that want each other's rows: one of them is told so, and has written nothing.
        if (code !== '40P01') throw error;
      }
    } finally {
      client.release(lost);
    }
    await new Promise((resolve) => setTimeout(resolve, random.between(1, 12)));
  }
}

/** The database went away: an error of the connection, or its last words. */
const isLoss = (code: string | undefined) =>
  code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(57P|08)/.test(code);

async function change(client: pg.PoolClient, mark: string, world: World, random: Random): Promise<void> {
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
