/** Both take a minute of waiting, and so they take it together. */
import { beforeAll, describe, expect, it } from 'vitest';
import { freezeFor, type FreezeReport } from '../freeze/run.js';
import { failures } from './oracle.js';
import { runChaos, type ChaosReport } from './run.js';

const seed = Number(process.env['CHAOS_SEED'] ?? '20');
const said: string[] = [];
let chaos: Promise<ChaosReport>;
let frozen: Promise<FreezeReport>;
beforeAll(() => {
  chaos = runChaos({ seed, durationMs: 60_000, say: (line) => said.push(line) });
  frozen = freezeFor(30_000);
  // Whose turn has not come yet fails in its own test.
  for (const run of [chaos, frozen]) run.catch((_failure: unknown) => undefined);
});

describe('a database that stands still for 30 s', () => {
  it(
    'costs no connection, no answer to a ping and no event, and /readyz says so',
    { timeout: 180_000 },
    async () => {
      const report = await frozen;
      expect(report.lost).toBe(0);
      for (const told of report.told) expect(told).toEqual(report.written);
      expect(report.pingsMs.length).toBeGreaterThan(10);
      // 5 s without an answer, and what a busy machine takes to look.
      expect(report.saidAfterMs).toBeLessThan(15_000);
      expect(report.wentOnSaying).toBe(true);
      expect(Math.max(report.toldAfterMs, report.readyAfterMs)).toBeLessThan(20_000);
    },
  );
});

describe('several instances, writers and clients under random faults', () => {
  it(
    'lose nothing, repeat nothing, keep one order and tell nobody what is not theirs',
    { timeout: 300_000 },
    async () => {
      const { verdict, complaints } = await chaos;
      const report = `repeat with: npm run chaos -- --seed ${seed}\n${said.join('\n')}\n${verdict.details.join('\n')}`;
      expect(complaints, report).toEqual([]);
      expect(failures(verdict), `${report}\n${JSON.stringify(verdict)}`).toBe(0);
      // It was no quiet time.
      expect(verdict.committed).toBeGreaterThan(100);
    },
  );
});
