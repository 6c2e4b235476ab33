/** Says goodbye to every client, spread over time: who is sent away all at once comes back all at once. */
import type { Connection } from './connection.js';

const stepMs = 50;

/** Resolves when all have been told and closed, after `drainMs` at most; at once when there is nobody. */
export async function drain(connections: () => Iterable<Connection>, drainMs: number): Promise<void> {
  const waiting = [...connections()];
  const steps = Math.max(1, Math.floor(drainMs / stepMs) - 1);
  const perStep = Math.ceil(waiting.length / steps);
  while (waiting.length > 0) {
    for (const connection of waiting.splice(0, perStep)) connection.fail('SERVER_RESTARTING');
    if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
}
