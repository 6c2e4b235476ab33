import { describe, expect, it } from 'vitest';
import { failures } from './oracle.js';
import { runChaos } from './run.js';

describe('several instances, writers and clients under random faults', () => {
  it(
    'lose nothing, repeat nothing, keep one order and tell nobody what is not theirs',
    { timeout: 150_000 },
    async () => {
      const seed = Number(process.env['CHAOS_SEED'] ?? '20');
      const said: string[] = [];
      const { verdict, crashed } = await runChaos({
        seed,
        durationMs: 25_000,
        say: (line) => said.push(line),
      });
      const report = `repeat with: npm run chaos -- --seed ${seed}\n${said.join('\n')}\n${verdict.details.join('\n')}`;
      expect(crashed, report).toEqual([]);
      expect(failures(verdict), `${report}\n${JSON.stringify(verdict)}`).toBe(0);
      // It was no quiet time.
      expect(verdict.committed).toBeGreaterThan(100);
    },
  );
});
