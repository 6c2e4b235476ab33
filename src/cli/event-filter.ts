/** Which events `tail` shows. */
import type { EntryFacts } from '../log/entry.js';
import { factsOf } from './event-line.js';

export interface Wanted {
  readonly lobby?: string | undefined;
  /** Event types, or what stands before their first dot. */
  readonly type?: readonly string[] | undefined;
  readonly player?: string | undefined;
}

/** Commander's reader of an option that may be given often and hold commas. */
export function list(text: string, before: readonly string[] = []): readonly string[] {
  const words = text.split(',').map((word) => word.trim().replace(/(:event|\.\*?)$/, ''));
  return [...before, ...words.filter((word) => word !== '')];
}

export function typesAre(word: string, known: readonly string[]): boolean {
  return word === 'realtime' || word.startsWith('realtime.') || known.some((type) => fits(type, word));
}

const fits = (type: string, word: string): boolean => type === word || type.startsWith(`${word}.`);

/** What the server tells itself and no client. */
const internal = new Set(['realtime.rights', 'realtime.ended']);

export class EventFilter {
  /** The wanted lobby by all its names: told by UUID here and by code there. */
  private readonly names = new Set<string>();

  constructor(private readonly wanted: Wanted) {
    if (wanted.lobby !== undefined) this.names.add(wanted.lobby.toLowerCase());
  }

  /** Names of the wanted lobby besides the one that was given. */
  learn(names: readonly string[]): void {
    for (const name of names) this.names.add(name.toLowerCase());
  }

  admits(entry: EntryFacts): boolean {
    const { type, player, lobby } = this.wanted;
    if (type ? !type.some((word) => fits(entry.type, word)) : internal.has(entry.type)) return false;
    const facts = factsOf(entry);
    if (player !== undefined && !facts.players.includes(player)) return false;
    return lobby === undefined || this.isOfLobby(facts.lobbies);
  }

  private isOfLobby(lobbies: readonly string[]): boolean {
    const names = lobbies.map((name) => name.toLowerCase());
    if (!names.some((name) => this.names.has(name))) return false;
    this.learn(names);
    return true;
  }
}
