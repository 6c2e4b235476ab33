/** Takes a session over from whoever had it, and finds what its client has missed, up to this very moment. */
import { decode } from './codec.js';
import { entryType, isFor, MessageType, reaches } from './messages.js';
import { offsetText, type Offset } from './offset.js';
import { readOrdered } from './ordered-entry.js';
import type { AdapterProcess } from './process.js';
import { missedOf, type SessionRow, type Tail } from './session.js';

export interface RestoreOptions {
  /** Hash of the private id. */
  readonly id: string;
  /** What the client has seen last. */
  readonly place: Offset;
  readonly namespace: string;
  readonly process: AdapterProcess;
  readonly lifetimeMs: number;
  /** Who takes it. */
  readonly owner: string;
  /** Makes the instance that has the socket store all of it and let go. */
  readonly endElsewhere: (owner: string, sid: string) => Promise<void>;
}

export interface Restored {
  readonly sid: string;
  readonly rooms: ReadonlySet<string>;
  readonly data: unknown;
  /** The data of packets, each with its offset. */
  readonly missed: readonly (readonly unknown[])[];
  readonly tail: Tail;
  /** What the client had seen. */
  readonly place: Offset;
  /** To be stored again if nothing comes of it. */
  readonly row: SessionRow;
}

interface StoredRow {
  readonly sid: string;
  readonly rooms: string;
  readonly data: string;
  readonly position: string;
  readonly tail: string;
}

const pageSize = 1000;
/** More than this is not replayed: reading the state anew is cheaper for everybody. */
const mostEntries = 100_000;

/** Null if there is no such session, it has expired, or not all that was missed is kept. */
export async function restore(options: RestoreOptions): Promise<Restored | null> {
  const { id, place, process, lifetimeMs, owner } = options;
  const { line } = process;
  const [found] = await line.query<{ owner: string | null; sid: string; holds: boolean }>(
    `select o.owner, o.sid, realtime.holds($3, $2::float8 * interval '1 ms', $4) as holds
     from realtime.adapter_owner_of($1, $2::float8 * interval '1 ms') o`,
    [id, lifetimeMs, place.seq, mostEntries],
  );
  if (!found?.owner || !found.holds) return null;
  await options.endElsewhere(found.owner, found.sid);
  const [stored] = await line.query<StoredRow>(
    'select sid, rooms, data, position, tail from realtime.adapter_take_session($1, $2, $3)',
    [id, found.owner, owner],
  );
  if (!stored) return null;
  const tail = decode(stored.tail) as Tail;
  const own = missedOf(tail, place);
  if (!own) return null;

  const replay = new Replay(
    options.namespace,
    Number(stored.position),
    JSON.parse(stored.rooms) as string[],
    process,
  );
  if (!(await catchUp(place.seq, process, replay))) return null;
  // From here to the return nothing else happens: what comes next is delivered live.
  if (replay.ended) return null;
  const epoch = process.feed.epoch;
  const missed = [...replay.missed.map(({ seq, data }) => ({ seq, own: 0, data })), ...own].sort(
    (one, other) => one.seq - other.seq || one.own - other.own,
  );
  return {
    sid: stored.sid,
    rooms: replay.rooms,
    data: decode(stored.data),
    missed: missed.map((packet) => [...packet.data, offsetText({ epoch, seq: packet.seq, own: packet.own })]),
    tail,
    place,
    row: {
      id,
      sid: stored.sid,
      rooms: stored.rooms,
      data: stored.data,
      position: Number(stored.position),
      tail: stored.tail,
      gone: true,
    },
  };
}

/** Follows a session through the entries after its offset. */
class Replay {
  readonly missed: { readonly seq: number; readonly data: readonly unknown[] }[] = [];
  readonly rooms: Set<string>;
  /** It was disconnected meanwhile, or may lack something that cannot be read any more. */
  ended = false;
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly namespace: string,
    /** How far in the log its rooms are known: moves up to there are in them already. */
    private readonly position: number,
    rooms: readonly string[],
    private readonly process: AdapterProcess,
  ) {
    this.rooms = new Set(rooms);
  }

  take(seq: number, data: string): void {
    const entry = readOrdered(data);
    if (!entry) {
      this.ended = true;
      return;
    }
    const { origin, n, message } = entry;
    if (!isFor(entry, this.process.settings.channelPrefix)) return;
    if (this.process.seen.duplicates.has(seq) || n <= (this.seen.get(origin) ?? 0)) return;
    this.seen.set(origin, n);
    if (message.nsp !== this.namespace || !reaches(message.target, this.rooms)) return;
    switch (message.type) {
      case MessageType.BROADCAST:
        this.missed.push({ seq, data: message.packet.data });
        return;
      case MessageType.SOCKETS_JOIN:
        if (seq > this.position) for (const room of message.rooms) this.rooms.add(room);
        return;
      case MessageType.SOCKETS_LEAVE:
        if (seq > this.position) for (const room of message.rooms) this.rooms.delete(room);
        return;
      case MessageType.DISCONNECT_SOCKETS:
        this.ended ||= seq > this.position;
        return;
    }
  }
}

/** Reads up to where this instance delivers; returns false if something in between is not kept any more, or another log's. */
async function catchUp(from: number, process: AdapterProcess, replay: Replay): Promise<boolean> {
  const { feed, line } = process;
  let at = from;
  while (at < process.delivered) {
    if (at >= feed.recent.start) {
      for (const entry of feed.recent.after(at)) {
        if (entry.seq > process.delivered) break;
        if (entry.type === entryType && entry.data !== null) replay.take(entry.seq, entry.data);
      }
      return true;
    }
    const rows = await line.query<{ seq: string; data: string | null }>(
      'select seq, case when type = $3 then data end as data from realtime.read($1, $2)',
      [at, pageSize, entryType],
    );
    // Of another log, which the feed has not found yet. Asked after the page: what that one holds, this tells then.
    const [log] = await line.query<{ epoch: string }>('select epoch from realtime.kept()');
    if (log?.epoch !== feed.epoch) return false;
    for (const row of rows) {
      const seq = Number(row.seq);
      if (seq > process.delivered) return true;
      if (seq !== at + 1) return false;
      at = seq;
      if (row.data !== null) replay.take(seq, row.data);
    }
    if (rows.length === 0) return false;
  }
  return true;
}
