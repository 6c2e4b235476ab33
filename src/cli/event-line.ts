/** An entry of the log as one line for people. */
import type { EntryFacts } from '../log/entry.js';
import { isLobbyRoom, lobbyOf } from '../routing/rooms.js';
import { printable } from '../telemetry/printable.js';
import { isSecretKey } from '../telemetry/redaction.js';

/** What an entry is about, as far as its data says. */
export interface Facts {
  /** The code first where there is one. */
  readonly lobbies: readonly string[];
  readonly players: readonly string[];
  readonly payload: Readonly<Record<string, unknown>>;
}

const parsed = new WeakMap<EntryFacts, Facts>();

export function factsOf(entry: EntryFacts): Facts {
  const known = parsed.get(entry);
  if (known) return known;
  const data = recordOf(entry.data === null ? null : parse(entry.data));
  const payload = recordOf(data['payload']);
  // {lobby: {…}}, {storage: {…}}: what is inside is the object itself.
  const [inner] = Object.values(payload).filter((value) => Object.keys(recordOf(value)).length > 0);
  const object = 'id' in payload ? payload : { ...recordOf(inner), ...scalars(payload) };
  const facts = {
    lobbies: texts(
      data['lobbyCode'],
      object['lobbyCode'],
      data['lobbyId'],
      object['lobbyId'],
      entry.room !== null && isLobbyRoom(entry.room) ? lobbyOf(entry.room) : null,
    ),
    players: texts(
      data['playerId'],
      payload['playerId'],
      entry.member,
      entry.player,
      object['hostId'],
      object['claimedBy'],
      object['createdBy'],
      ...listOf(object['players']).map((player) => recordOf(player)['playerId']),
    ),
    payload: object,
  };
  parsed.set(entry, facts);
  return facts;
}

const colors = { contract: 34, lobby: 35, storage: 36, bounty: 33, realtime: 31 } as const;
const width = 110;
/** Who has less gets the time of the day alone, and nothing past the edge. */
const wide = 150;

/**
 * Place, time, type, lobby, player, and what fits of the payload.
 * @param columns of the terminal, which the line is fitted into; undefined where there is none
 */
export function eventLine(entry: EntryFacts, color: boolean, columns?: number): string {
  if (columns !== undefined && columns < wide) return narrowLine(entry, color, columns);
  const { code, place, time, type, lobby, player, what } = cellsOf(entry);
  return [
    paint(place.padEnd(7), 2, color),
    paint(time, 2, color),
    paint(type.padEnd(29), code, color),
    lobby.padEnd(8),
    player.padEnd(12),
    what,
  ]
    .join('  ')
    .trimEnd();
}

function narrowLine(entry: EntryFacts, color: boolean, columns: number): string {
  const { code, place, time, type, lobby, player, what } = cellsOf(entry);
  const head = [place.padEnd(6), time.slice(11, 19)];
  const rest = [short(lobby, 8).padEnd(6), short(player, 12).padEnd(8), what].join(' ').trimEnd();
  const name = type.padEnd(22);
  const left = columns - head.join(' ').length - name.length - 2;
  return [paint(head.join(' '), 2, color), paint(name, code, color), short(rest, Math.max(1, left))].join(
    ' ',
  );
}

function cellsOf(entry: EntryFacts) {
  const { lobbies, players, payload } = factsOf(entry);
  const family = entry.type.split('.')[0] ?? '';
  return {
    code: Object.hasOwn(colors, family) ? colors[family as keyof typeof colors] : 32,
    place: `#${entry.seq}`,
    time: new Date(entry.at).toISOString(),
    type: entry.type,
    // Chosen by whoever made the lobby, or plays.
    lobby: printable(lobbies[0] ?? '–'),
    player: entry.type.startsWith('contract.') ? '–' : printable(players[0] ?? '–'),
    what: entry.type.startsWith('realtime.') ? meaning(entry) : printable(summary(payload)),
  };
}

const paint = (text: string, code: number, color: boolean) =>
  color ? `\u001b[${code}m${text}\u001b[0m` : text;
const short = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function meaning({ type }: EntryFacts): string {
  switch (type) {
    case 'realtime.quarantined':
      return 'could not be built, clients were told to read the state again: see hashi-socket doctor';
    case 'realtime.truncated':
      return 'a table was truncated, clients were told to read the state again';
    case 'realtime.restored':
      return 'a dump was loaded, clients were told to read the state again';
    case 'realtime.resync':
      return 'clients were told to read the state again, as an operator asked';
    case 'realtime.adapter':
      return 'sent, or moved clients, by the Socket.IO server API';
    default:
      return '';
  }
}

/** Names and states, in order; ids, times and what is empty say little on a line. */
function summary(payload: Facts['payload']): string {
  const words = Object.entries(payload).flatMap(([key, value]) => {
    if (value === null || /^(id|lobbyId|lobbyCode|playerId|contractId|code|createdAt|updatedAt)$/.test(key))
      return [];
    if (/At$/.test(key) || isSecretKey(key)) return [];
    if (Array.isArray(value)) return [`${key}=[${value.length}]`];
    const text = typeof value === 'string' && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
    return text === '{}' ? [] : [`${key}=${text}`];
  });
  const line = words.join(' ');
  return short(line, width);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const texts = (...values: readonly unknown[]): string[] =>
  values.filter((value): value is string => typeof value === 'string' && value !== '');
const scalars = (record: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => typeof value !== 'object'));
