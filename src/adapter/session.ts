/** What is known of one live socket, for the case that its client comes back without it. */
import type { Socket } from 'socket.io';
import { encode } from './codec.js';
import { isAfter } from './offset.js';

/** A packet that `socket.emit()` sent, and when in the order. */
export interface OwnPacket {
  readonly seq: number;
  readonly own: number;
  readonly data: readonly unknown[];
}

/** `tail` of a stored session. */
export interface Tail {
  readonly packets: readonly OwnPacket[];
  /** The newest that is no longer held: who has not got that one cannot be given all. */
  readonly lost?: { readonly seq: number; readonly own: number };
}

/** A row of `realtime.adapter_sessions`, as it is written. */
export interface SessionRow {
  readonly id: string;
  readonly sid: string;
  readonly rooms: string;
  readonly data: string;
  readonly position: number;
  readonly tail: string;
  readonly gone: boolean;
}

/** More than this has not been on its way to a client when it was lost, unless it had long stopped reading. */
const heldPackets = 64;

export class LiveSession {
  private packets: OwnPacket[] = [];
  private lost: { seq: number; own: number } | undefined;
  private place: { seq: number; own: number } | undefined;
  private stored = '';

  constructor(
    /** Hash of the private id. */
    readonly id: string,
    readonly socket: Socket,
  ) {}

  /** Counts a packet of the socket's own, after the entry `seq`. Returns its number there, from 1. */
  sent(seq: number, data: readonly unknown[]): number {
    const last = this.packets.at(-1);
    const before = last?.seq === seq ? last.own : this.place?.seq === seq ? this.place.own : 0;
    const own = before + 1;
    this.packets.push({ seq, own, data });
    if (this.packets.length > heldPackets) {
      const dropped = this.packets.shift();
      if (dropped) this.lost = { seq: dropped.seq, own: dropped.own };
    }
    return own;
  }

  /** What has been restored and is sent again is held again; numbers go on after what the client has seen. */
  inherit(tail: Tail, place: { seq: number; own: number }): void {
    this.packets = [...tail.packets];
    this.lost = tail.lost;
    this.place = place;
  }

  /** Null if nothing has changed since the last call. Throws for a `socket.data` that JSON cannot hold. */
  row(rooms: Iterable<string>, position: number, gone: boolean): SessionRow | null {
    const data = encode(this.socket.data ?? {});
    const names = JSON.stringify([...rooms]);
    const state = `${names} ${data}`;
    if (!gone && state === this.stored) return null;
    this.stored = state;
    // While it lives the tail stays in memory: storing it would be a write for every emit.
    const tail: Tail = gone
      ? { packets: this.packets, ...(this.lost && { lost: this.lost }) }
      : { packets: [] };
    return { id: this.id, sid: this.socket.id, rooms: names, data, position, tail: encode(tail), gone };
  }
}

/** What of the tail somebody at this place has not got; null if some of that is not held any more. */
export function missedOf(tail: Tail, place: { seq: number; own: number }): readonly OwnPacket[] | null {
  if (tail.lost && isAfter(tail.lost, place)) return null;
  return tail.packets.filter((packet) => isAfter(packet, place));
}
