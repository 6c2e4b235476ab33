/** Whether more instances on one database slow its writers down. */
import { withTriggers, type Variant } from '../writers/variants.js';
import { writerName } from '../writers/pgbench.js';
import { bound, compare, medianOf } from '../support/compare.js';
import { startPostgres } from '../support/databases.js';
import type { Context, Outcome, Part } from '../support/part.js';

const nameOf = (instances: number) => (instances === 1 ? 'one instance' : `${instances} instances`);

async function run({ repeats, quick }: Context): Promise<Outcome> {
  const postgres = await startPostgres({ cores: '0-1' });
  const numbers = quick ? [1, 2] : [1, 2, 4, 8];
  try {
    const measured = await compare({
      scenario: '32 writers, with so many instances that read',
      unit: `transactions a second, by ${writerName}`,
      systems: numbers.map((instances) => ({ name: nameOf(instances), instances })),
      repeats,
      warmUp: false,
      async one({ instances }) {
        let variant: Variant | undefined;
        try {
          // Each in turn, for those that wait read as well, and are in the way.
          variant = await withTriggers(postgres, instances);
          return (await variant.write(32, quick ? 1 : 5)).tps;
        } finally {
          await variant?.stop();
        }
      },
    });
    const share = medianOf(measured, nameOf(numbers.at(-1) ?? 1)) / medianOf(measured, nameOf(1));
    return {
      measurements: [measured],
      verdicts: [
        bound(`writers with ${nameOf(numbers.at(-1) ?? 1)} ÷ with one`, share, { atLeast: 0.9 }, '×'),
      ],
    };
  } finally {
    await postgres.stop();
  }
}

export const instances: Part = { name: 'instances', about: 'writers while 1 to 8 instances read', run };
