/** What triggers cost those who write: transactions a second, on a fast disk and on one that takes 2 ms to flush. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { buildSlowFlush } from '../writers/slow-flush.js';
import { writerName } from '../writers/pgbench.js';
import {
  variantNames,
  withNotify,
  withoutTriggers,
  withTriggers,
  type Variant,
} from '../writers/variants.js';
import { compare, ratio } from '../support/compare.js';
import { startPostgres, type PostgresOptions } from '../support/databases.js';
import type { Context, Measurement, Outcome, Part } from '../support/part.js';

/** Writers, Postgres and the instance share both cores. */
const anyCore = '0-1';

async function onDisk(
  { repeats, quick }: Context,
  disk: string,
  options: PostgresOptions,
  numbersOfClients: readonly number[],
): Promise<Measurement[]> {
  const postgres = await startPostgres({
    cores: anyCore,
    ...options,
    settings: { wal_sync_method: 'fdatasync' },
  });
  const variants: Variant[] = [];
  try {
    variants.push(await withoutTriggers(postgres), await withTriggers(postgres), await withNotify(postgres));
    const measurements: Measurement[] = [];
    for (const clients of numbersOfClients) {
      measurements.push(
        await compare({
          scenario: `${clients === 1 ? 'one writer' : `${clients} writers`}, ${disk}`,
          unit: `transactions a second, by ${writerName}`,
          systems: variants,
          repeats,
          one: async (variant) => (await variant.write(clients, quick ? 1 : 5)).tps,
        }),
      );
    }
    return measurements;
  } finally {
    for (const variant of variants) await variant.stop();
    await postgres.stop();
  }
}

async function run(context: Context): Promise<Outcome> {
  const { none, ours, notify } = variantNames;
  const [many, one] = await onDisk(context, 'the machine’s own disk', {}, [32, 1]);
  if (!many || !one) throw new Error('nothing was measured');
  const verdicts = [
    ...ratio(many, ours, none, 0.65),
    ...ratio(many, ours, notify, 2),
    ...ratio(one, ours, none, 0.7),
  ];
  const library = buildSlowFlush();
  if (library === null) return { measurements: [many, one], verdicts };
  try {
    const slow = await onDisk(context, 'a flush of 2 ms', { env: { LD_PRELOAD: library } }, [32]);
    return {
      measurements: [many, one, ...slow],
      verdicts: [
        ...verdicts,
        ...slow.flatMap((measured) => [
          ...ratio(measured, ours, none, 0.65),
          ...ratio(measured, ours, notify, 8),
        ]),
      ],
    };
  } finally {
    rmSync(dirname(library), { recursive: true });
  }
}

export const writers: Part = { name: 'writers', about: 'what triggers cost writers', run };
