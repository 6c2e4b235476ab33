/** What writers do that a log can stumble over: large statements, transactions left open, tables changed under the triggers. */
import { catalog } from '../../../../src/catalog/index.js';
import { quarantined } from '../../../../src/cli/quarantine/entries.js';
import { replay } from '../../../../src/cli/quarantine/replay.js';
import type { Arena, Fault } from '../arena.js';
import { bulkRows, transactionOf } from '../world.js';
import { isLoss, settle } from '../writers.js';
import { connectAs } from './sessions.js';

let count = 0;
/** Writes rows of its own, so that nobody waits for it. */
const ownRow = `with own as (insert into contracts (status) values ('own') returning id) select id from own`;

/** A transaction with events that is open when this resolves. */
async function leaveOpen(arena: Arena, prepare: boolean): Promise<void> {
  const mark = `${prepare ? 'prepared' : 'open'}-${++count}`;
  const faults = 1 + arena.random.below(5);
  const commit = arena.random.next() < 0.8;
  const { journal } = arena;
  const client = await connectAs(arena, 'chaos lingering');
  await client.query('begin');
  const { rows } = await client.query<{ id: string }>(ownRow);
  await client.query(
    'update contracts set contested_at = clock_timestamp(), contested_by = $2 where id = $1',
    [rows[0]?.id, mark],
  );
  const transaction = await transactionOf(client);
  if (prepare) {
    await client.query(`prepare transaction '${mark}'`);
    await client.end();
    const finish = () =>
      settle(arena.pool, journal, mark, transaction, commit ? { askedAt: undefined } : undefined);
    arena.lingering.push({ faults, finish });
    return;
  }
  arena.lingering.push({
    faults,
    async finish() {
      const askedAt = performance.now();
      try {
        await client.query(commit ? 'commit' : 'rollback');
        if (commit) journal.committed.set(mark, { ...transaction, askedAt });
        else journal.rolledBack.add(mark);
      } catch (error) {
        if (!isLoss((error as { code?: string }).code)) throw error;
        // It went with the database, some faults ago.
        journal.rolledBack.add(mark);
      }
      await client.end().catch((_gone: unknown) => undefined);
    },
  });
}

export const writerFaults: Readonly<Record<string, Fault>> = {
  'leave a writing transaction open': (arena) => leaveOpen(arena, false),
  'leave a prepared transaction': (arena) => leaveOpen(arena, true),
  'change many rows by one statement': async (arena) => {
    const { journal } = arena;
    const name = `bulk-${++count}`;
    const client = await connectAs(arena, 'chaos control');
    try {
      await client.query('begin');
      await client.query(
        `update contracts set contested_at = clock_timestamp(), contested_by = $1 || (terms->>'row'),
           terms = jsonb_set(terms, '{n}', to_jsonb((terms->>'n')::int + 1)) where status = 'bulk'`,
        [`${name}-`],
      );
      const transaction = await transactionOf(client);
      const askedAt = performance.now();
      await client.query('commit');
      for (let row = 1; row <= bulkRows; row++) {
        journal.committed.set(`${name}-${row}`, { ...transaction, askedAt });
      }
    } finally {
      await client.end();
    }
  },
  'change a table under its trigger': async (arena) => {
    const ms = arena.random.between(300, 1500);
    const operator = await connectAs(arena, 'chaos control');
    try {
      await operator.query(`alter table storage rename column object_key to object`);
      await arena.pause(ms);
      await operator.query(`alter table storage rename column object to object_key`);
      // What could not be told is told after all, as by the command line.
      for (const entry of await quarantined(operator)) {
        const outcome = await replay(operator, catalog, entry);
        if (outcome.result !== 'replayed') {
          arena.complain(`an event stays in quarantine: ${outcome.reason}`);
        }
      }
    } finally {
      await operator.end();
    }
  },
};
