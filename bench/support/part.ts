/** A part of the benchmark, and what it gives back. */
import type { Postgres } from './databases.js';

/** One system's result: the median of its repeats, and how far they spread. */
export interface Figure {
  readonly system: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly runs: number;
  /** Runs that lost or doubled a delivery, and count for nothing. */
  readonly void: number;
  readonly note?: string;
}

export interface Measurement {
  /** What was done, `one event in flight to 1,000 clients`. */
  readonly scenario: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly figures: readonly Figure[];
}

/** A ratio or a bound, and whether it was reached. */
export interface Verdict {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  readonly holds: boolean;
}

export interface Outcome {
  readonly measurements: readonly Measurement[];
  readonly verdicts: readonly Verdict[];
}

export interface Context {
  readonly repeats: number;
  /** A short run that shows that everything works; its figures say nothing. */
  readonly quick: boolean;
  /** A Postgres on the load's core, shared by the parts. */
  readonly postgres: () => Promise<Postgres>;
}

export interface Part {
  readonly name: string;
  readonly about: string;
  run(context: Context): Promise<Outcome>;
}
