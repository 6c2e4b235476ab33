/** Reads from the database who is in which lobby, and who may subscribe to one. */
import type { Pool } from 'pg';
import type { TableRef } from '../catalog/define.js';
import type { LobbyTables } from '../catalog/family.js';
import { ident, literal, qualified } from '../catalog/sql.js';
import { Gather } from '../database/gather.js';
import { isLobbyRoom, lobbyOf, lobbyRoom } from './rooms.js';

export interface LobbyRef {
  readonly lobbyId: string;
  readonly lobbyCode: string;
}

/** A room a player is in by a row of the database. */
export interface Membership {
  readonly room: string;
  /** Where the room is a lobby's: what `connected` tells of it. */
  readonly lobby?: LobbyRef;
}

/** A table whose rows are memberships: of the room `<prefix>:<room column>`. */
export interface MembershipTable {
  readonly prefix: string;
  readonly table: TableRef;
  readonly room: string;
  readonly player: string;
  /** The SQL type of that column, where it is no text. */
  readonly playerType?: string;
}

export interface Subscribable extends LobbyRef {
  readonly room: string;
  readonly participant: boolean;
  readonly allowed: boolean;
}

export interface Memberships {
  /** The rooms a player is in; lobbies ordered by when it joined. */
  of(playerId: string): Promise<readonly Membership[]>;
  /** The lobby by UUID or code, and whether the player may subscribe to it; null if there is none. */
  subscribable(playerId: string, lobby: string): Promise<Subscribable | null>;
  /** Which of these rooms is the lobby's, by UUID or code; for leaving it. Null if none is. */
  roomAmong(rooms: readonly string[], lobby: string): Promise<string | null>;
  /** A player's joins and leaves after a seq, in order. */
  movesAfter(playerId: string, seq: number): Promise<Moves>;
}

interface Place {
  readonly playerId: string;
  readonly seq: number;
}

type Moves = readonly { seq: number; room: string; effect: 'join' | 'leave' }[];

export class DatabaseMemberships implements Memberships {
  private readonly players = new Gather((players: readonly string[]) => this.load(players));
  private readonly places = new Gather((places: readonly Place[]) => this.loadMoves(places));
  private readonly text: string;

  constructor(
    private readonly pool: Pool,
    tables: readonly MembershipTable[],
    /** Absent: there are none to subscribe to. */
    private readonly lobbies?: LobbyTables,
  ) {
    this.text = tables.map((table) => membershipSql(table, lobbies)).join(' union all ');
  }

  of(playerId: string): Promise<readonly Membership[]> {
    return this.players.ask(playerId);
  }

  private async load(players: readonly string[]): Promise<Membership[][]> {
    const found = new Map<string, Membership[]>();
    const { rows } = await this.pool.query<MembershipRow>({
      name: 'memberships',
      text: this.text,
      values: [[...new Set(players)]],
    });
    for (const { player_id, room, id, code } of rows) {
      const list = found.get(player_id) ?? [];
      list.push(code === null ? { room } : { room, lobby: { lobbyId: id, lobbyCode: code } });
      found.set(player_id, list);
    }
    return players.map((player) => found.get(player) ?? []);
  }

  async subscribable(playerId: string, lobby: string): Promise<Subscribable | null> {
    if (!this.lobbies) return null;
    const { rows } = await this.pool.query<{
      id: string | null;
      code: string;
      open: boolean;
      participant: boolean;
      mediator: boolean;
    }>({
      name: 'subscribable',
      text: subscribableSql(this.lobbies),
      values: [playerId, uuidOrNull(lobby), lobby],
    });
    const found = rows[0];
    if (!found?.id) return null;
    const { id, code, participant } = found;
    const allowed = participant || found.open || found.mediator;
    return { room: lobbyRoom(id), lobbyId: id, lobbyCode: code, participant, allowed };
  }

  /** Of other lobbies nothing is looked up: who leaves what it is not in learns nothing by the time that takes. */
  async roomAmong(rooms: readonly string[], lobby: string): Promise<string | null> {
    if (!this.lobbies) return null;
    const own = rooms.filter(isLobbyRoom).map(lobbyOf).filter(isUuid);
    const named = own.find((id) => id === lobby.toLowerCase());
    if (named !== undefined) return lobbyRoom(named);
    if (own.length === 0) return null;
    const { table, id, code } = this.lobbies.lobbies;
    const { rows } = await this.pool.query<{ id: string }>({
      name: 'own lobby',
      text:
        `with own as materialized (select l.${ident(id)} as id, l.${ident(code)} as code from ${qualified(table)} l ` +
        `where l.${ident(id)} = any ($1::uuid[])) select own.id from own where own.code = $2 limit 1`,
      values: [own, lobby],
    });
    return rows[0] ? lobbyRoom(rows[0].id) : null;
  }

  movesAfter(playerId: string, seq: number): Promise<Moves> {
    return this.places.ask({ playerId, seq });
  }

  private async loadMoves(places: readonly Place[]): Promise<Moves[]> {
    const moves: { seq: number; room: string; effect: 'join' | 'leave' }[][] = places.map(() => []);
    const { rows } = await this.pool.query<{ n: number; seq: string; room: string; effect: string }>({
      name: 'moves',
      text: `select q.n::int, m.seq, m.room, m.effect
             from unnest($1::text[], $2::bigint[]) with ordinality q (player, after, n),
               realtime.moves_of(q.player, q.after) m
             order by q.n, m.seq`,
      values: [places.map(({ playerId }) => playerId), places.map(({ seq }) => seq)],
    });
    for (const { n, seq, room, effect } of rows) {
      moves[n - 1]?.push({ seq: Number(seq), room, effect: effect === 'join' ? 'join' : 'leave' });
    }
    return moves;
  }
}

interface MembershipRow {
  readonly player_id: string;
  readonly room: string;
  readonly id: string;
  readonly code: string | null;
}

/** What of the players asked for, `$1`, such a column can hold at all, in its own type: an index on it is of use then. */
function playersAs(type: string | undefined): string {
  const cast = (to: string, form: string) =>
    `array(select q::${to} from unnest($1::text[]) q where q ~ '${form}')`;
  if (type === undefined) return '$1::text[]';
  if (type === 'uuid') return cast('uuid', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');
  return cast('bigint', '^(0|-?[1-9][0-9]{0,17})$');
}

const integers = ['bigint', 'bigserial', 'integer', 'serial', 'smallint'];

/** One table's part of the query; a lobby's rows bring its code, and only lobbies that exist count. */
function membershipSql(
  { prefix, table, room, player, playerType }: MembershipTable,
  known?: LobbyTables,
): string {
  const from = `from ${qualified(table)} p`;
  const hasIndex = playerType === undefined || playerType === 'uuid' || integers.includes(playerType);
  const where = hasIndex
    ? `where p.${ident(player)} = any (${playersAs(playerType)})`
    : `where p.${ident(player)}::text = any ($1::text[])`;
  const columns = `p.${ident(player)}::text as player_id, ${literal(`${prefix}:`)} || p.${ident(room)} as room, p.${ident(room)}::text as id`;
  if (!known || !isLobbyRoom(`${prefix}:`)) return `(select ${columns}, null as code ${from} ${where})`;
  const { lobbies, participants } = known;
  return (
    `(select ${columns}, l.${ident(lobbies.code)} as code ${from} ` +
    `join ${qualified(lobbies.table)} l on l.${ident(lobbies.id)} = p.${ident(room)} ${where} ` +
    `order by p.${ident(participants.joinedAt)}, l.${ident(lobbies.id)})`
  );
}

/** The same look-ups in every case, none left out, so that "not there" takes as long as "not yours". */
function subscribableSql({ lobbies: l, participants: p, contracts: c }: LobbyTables): string {
  const [id, code] = [`l.${ident(l.id)}`, `l.${ident(l.code)}`];
  return `with found as materialized (
      select ${id} as id, ${code} as code, l.${ident(l.visibility)} = 'public' as open from ${qualified(l.table)} l
      where ${id} = $2::uuid or ${code} = $3
      order by ${id} = $2::uuid desc nulls last limit 1
    ), asked as materialized (
      select coalesce((select id from found), '00000000-0000-0000-0000-000000000000'::uuid) as id
    )
    select found.id, found.code, found.open,
      exists (select 1 from ${qualified(p.table)} p
        where p.${ident(p.lobby)} = asked.id and p.${ident(p.player)} = $1) as participant,
      exists (select 1 from ${qualified(c.table)} c
        where c.${ident(c.lobby)} = asked.id and c.${ident(c.mediator)} = $1) as mediator
    from asked left join found on true`;
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const isUuid = (text: string): boolean => uuidForm.test(text);
const uuidOrNull = (text: string): string | null => (isUuid(text) ? text.toLowerCase() : null);
