/** Reads from the database who is in which lobby, and who may subscribe to one. */
import type { Pool } from 'pg';
import { lobbyRoom } from './rooms.js';

export interface LobbyRef {
  readonly lobbyId: string;
  readonly lobbyCode: string;
}

export interface Memberships {
  /** The lobbies a player participates in, ordered by when it joined. */
  of(playerId: string): Promise<readonly LobbyRef[]>;
  /** The lobby by UUID or code, if the player may subscribe to it; null alike if it may not or there is none. */
  subscribable(playerId: string, lobby: string): Promise<{ room: string; participant: boolean } | null>;
  /** The lobby's room by UUID or code, whoever asks; for leaving it. */
  roomOf(lobby: string): Promise<string | null>;
  /** A player's joins and leaves after a seq, in order. */
  movesAfter(
    playerId: string,
    seq: number,
  ): Promise<readonly { seq: number; room: string; effect: 'join' | 'leave' }[]>;
}

interface Waiting {
  readonly playerId: string;
  readonly resolve: (lobbies: readonly LobbyRef[]) => void;
  readonly reject: (error: unknown) => void;
}

/** How many players one query asks for: 5,000 clients that come back at once cost some queries, not 5,000. */
const maxBatch = 500;
/** Of these queries, how many run at once: the rest of the pool is for others. */
const maxQueries = 2;

export class DatabaseMemberships implements Memberships {
  private waiting: Waiting[] = [];
  private running = 0;

  constructor(private readonly pool: Pool) {}

  of(playerId: string): Promise<readonly LobbyRef[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ playerId, resolve, reject });
      // All that are asked for in this turn of the event loop, or while queries run, go together.
      if (this.waiting.length === 1) setImmediate(() => this.run());
    });
  }

  private run(): void {
    if (this.running >= maxQueries || this.waiting.length === 0) return;
    const batch = this.waiting.slice(0, maxBatch);
    this.waiting = this.waiting.slice(maxBatch);
    this.running++;
    this.load([...new Set(batch.map(({ playerId }) => playerId))])
      .then(
        (lobbies) => batch.forEach(({ playerId, resolve }) => resolve(lobbies.get(playerId) ?? [])),
        (error: unknown) => batch.forEach(({ reject }) => reject(error)),
      )
      .finally(() => {
        this.running--;
        this.run();
      });
    this.run();
  }

  private async load(players: string[]): Promise<Map<string, LobbyRef[]>> {
    const { rows } = await this.pool.query<{ player_id: string; id: string; code: string }>({
      name: 'memberships',
      text: `select p.player_id, l.id, l.code from public.lobby_participants p
             join public.lobbies l on l.id = p.lobby_id
             where p.player_id = any ($1) order by p.created_at, l.id`,
      values: [players],
    });
    const lobbies = new Map<string, LobbyRef[]>();
    for (const { player_id, id, code } of rows) {
      const list = lobbies.get(player_id) ?? [];
      list.push({ lobbyId: id, lobbyCode: code });
      lobbies.set(player_id, list);
    }
    return lobbies;
  }

  async subscribable(
    playerId: string,
    lobby: string,
  ): Promise<{ room: string; participant: boolean } | null> {
    // One query for every case, so that "not there" takes as long as "not yours".
    const { rows } = await this.pool.query<{ id: string; participant: boolean; allowed: boolean }>({
      name: 'subscribable',
      text: `select l.id, p.player_id is not null as participant,
               p.player_id is not null or l.visibility = 'public'
                 or exists (select 1 from public.contracts c where c.lobby_id = l.id and c.mediator_id = $1) as allowed
             from public.lobbies l
             left join public.lobby_participants p on p.lobby_id = l.id and p.player_id = $1
             where l.id = $2::uuid or l.code = $3
             order by l.id = $2::uuid desc nulls last limit 1`,
      values: [playerId, uuidOrNull(lobby), lobby],
    });
    const found = rows[0];
    return found?.allowed ? { room: lobbyRoom(found.id), participant: found.participant } : null;
  }

  async roomOf(lobby: string): Promise<string | null> {
    const { rows } = await this.pool.query<{ id: string }>({
      name: 'lobby',
      text: 'select id from public.lobbies where id = $1::uuid or code = $2 order by id = $1::uuid desc nulls last limit 1',
      values: [uuidOrNull(lobby), lobby],
    });
    return rows[0] ? lobbyRoom(rows[0].id) : null;
  }

  async movesAfter(playerId: string, seq: number) {
    const { rows } = await this.pool.query<{ seq: string; room: string; effect: string }>({
      name: 'moves',
      text: 'select seq, room, effect from realtime.moves_of($1, $2)',
      values: [playerId, seq],
    });
    return rows.map(({ seq: at, room, effect }) => ({
      seq: Number(at),
      room,
      effect: effect === 'join' ? ('join' as const) : ('leave' as const),
    }));
  }
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const uuidOrNull = (text: string): string | null => (uuidForm.test(text) ? text.toLowerCase() : null);
