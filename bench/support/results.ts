/** Writes what was measured: `results.json`, which keeps the parts that were not run again, and the picture of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { picture } from './picture.js';
import type { Outcome } from './part.js';
import { aligned } from './statistics.js';

export interface PartResult extends Outcome {
  readonly part: string;
  readonly about: string;
  readonly seconds: number;
}

export interface RunFacts {
  readonly startedAt: Date;
  readonly machine: string;
  readonly repeats: number;
  readonly quick: boolean;
}

/** A part with where and when it was measured: parts of one file may come from several runs. */
export type StoredPart = PartResult & Omit<RunFacts, 'startedAt'> & { readonly startedAt: string };

export function writeResults(folder: string, facts: RunFacts, results: readonly PartResult[]): void {
  const path = join(folder, 'results.json');
  const now = results.map((result) => ({ ...result, ...facts, startedAt: facts.startedAt.toISOString() }));
  const fresh = new Set(results.map(({ part }) => part));
  const parts = [...stored(path).filter(({ part }) => !fresh.has(part)), ...now];
  writeFileSync(path, `${JSON.stringify({ parts }, null, 2)}\n`);
  writeFileSync(join(folder, 'results.svg'), picture(parts));
  console.log(`\nWritten: ${path} and results.svg beside it.`);
}

function stored(path: string): StoredPart[] {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { parts: StoredPart[] }).parts;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function printVerdicts(results: readonly PartResult[]): void {
  const verdicts = results.flatMap((result) => result.verdicts);
  console.log(
    `\n${aligned([
      ['', 'wanted', 'got', ''],
      ...verdicts.map(({ what, wanted, got, holds }) => [what, wanted, got, holds ? 'yes' : 'NO']),
    ])}`,
  );
}
