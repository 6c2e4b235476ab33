/** Guesses at the codes of lobbies by many players at once, and what each kind of guess takes to be answered. */
import { rawClient } from '../../support/clients.js';
import type { ServerProcess } from '../process.js';

export interface Loot {
  readonly guesses: number;
  /** Answers by their code; "ack" for a guess that was right. */
  readonly answers: Record<string, number>;
  /** Events of lobbies that came to somebody who is in none. */
  readonly events: number;
  /** Milliseconds until the answer, of lobbies that are there and of those that are not. */
  readonly there: number[];
  readonly missing: number[];
}

const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Six characters, none of them easily taken for another: what is guessed. */
export function codeOf(random: () => number): string {
  return Array.from({ length: 6 }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
}

/**
 * Each player asks one thing after another; every other guess is the code of a lobby that is there, and not its own.
 * @param codes of the lobbies that are there
 */
export async function guess(
  server: Pick<ServerProcess, 'wsUrl' | 'token'>,
  codes: readonly string[],
  players: number,
  guesses: number,
  random: () => number,
): Promise<Loot> {
  const loot: Loot = { guesses, answers: {}, events: 0, there: [], missing: [] };
  let [left, events] = [guesses, 0];
  const burgle = async (player: number) => {
    const client = rawClient(server, await server.token(`burglar-${player}`));
    await client.next('connected');
    while (left-- > 0) {
      const real = left % 2 === 0;
      const lobbyCode = real ? codes[Math.floor(random() * codes.length)] : codeOf(random);
      const from = performance.now();
      client.send({ type: 'subscribe', data: { lobbyCode }, id: left });
      const { type, data } = await client.next(({ type }) => type === 'error' || type === 'ack');
      (real ? loot.there : loot.missing).push(performance.now() - from);
      const answer = type === 'ack' ? 'ack' : String(data.code);
      loot.answers[answer] = (loot.answers[answer] ?? 0) + 1;
    }
    return client;
  };
  const clients = await Promise.all(Array.from({ length: players }, (_, player) => burgle(player)));
  for (const client of clients) {
    events += client.messages.filter(({ type }) => type === 'lobby:event' || type === 'storage:event').length;
    client.close();
  }
  return { ...loot, events };
}
