/** What is done to a system that is being written to and listened to; every fault ends within seconds. */
import type { Fault } from '../arena.js';
import type { Random } from '../random.js';
import { databaseFaults } from './database.js';
import { clientFaults, instanceFaults } from './instances.js';
import { writerFaults } from './writers.js';

export const faults: Readonly<Record<string, Fault>> = {
  ...clientFaults,
  ...instanceFaults,
  ...databaseFaults,
  ...writerFaults,
};

/** Draws without end: each of them once, in any order, before any comes again. */
export function* draw(names: readonly string[], random: Random): Generator<string, never> {
  for (;;) {
    const left = [...names];
    while (left.length > 0) yield* left.splice(random.below(left.length), 1);
  }
}
