/** What the demo is made of: single changes, as a service would write them, and stories, which are many of them. */

export interface Step {
  readonly sql: string;
  readonly values: readonly unknown[];
}

export interface Story {
  readonly steps: Iterator<Step>;
  /** Removes whatever of the story's rows is there; harmless at any point of it. */
  readonly cleanup: readonly Step[];
}

export function step(sql: string, ...values: unknown[]): Step {
  return { sql, values };
}

/** @param items not empty; `at` may be any whole number that is not negative */
export function pickFrom<T>(items: readonly T[], at: number): T {
  const item = items[at % items.length];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}
