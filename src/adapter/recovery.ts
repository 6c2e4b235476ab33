/**
 * Connection state recovery on any instance: sessions are stored when they begin and when they change, so they
 * survive the death of theirs; what was missed comes from the log.
 */
import { createHash } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Session } from 'socket.io-adapter';
import type { LogAdapter } from './adapter.js';
import { insideOf } from './inside.js';
import { reaches, targetOf, type Notice, type Ordered, type Packet } from './messages.js';
import { offsetText, parseOffset, type Offset } from './offset.js';
import type { AdapterProcess } from './process.js';
import { restore, type Restored } from './restore.js';
import { LiveSession } from './session.js';
import { SessionStore } from './session-store.js';
import { within } from './within.js';

export interface RecoveryOptions {
  readonly adapter: LogAdapter;
  readonly namespace: Namespace;
  readonly process: AdapterProcess;
  /** For how long a session can be taken up again, in milliseconds. */
  readonly lifetimeMs: number;
}

/** How long the instance that has the socket still is waited for, in milliseconds, if it seems to be alive. */
const handoverMs = 1000;
/** How long a look at the log is waited for, in milliseconds, when a client has got more than this instance. */
const lookMs = 5000;
/** `Packet.type` of an event in Socket.IO's protocol. */
const eventType = 2;

export class Recovery {
  private readonly store: SessionStore;
  /** By socket id. */
  private readonly live = new Map<string, LiveSession>();
  /** Restored, and not connected yet: what comes for them meanwhile. A middleware may take its time. */
  private readonly returning = new Map<string, { restored: Restored; packets: Packet[] }>();
  private readonly handovers = new Map<string, () => void>();

  constructor(private readonly options: RecoveryOptions) {
    const { adapter, process, lifetimeMs } = options;
    this.store = new SessionStore({
      process,
      lifetimeMs,
      rows: (all) => {
        const sids = all ? [...this.live.keys()] : [...this.changed];
        this.changed.clear();
        return sids.flatMap((sid) => this.rowOf(sid, false));
      },
    });
    this.roomsOf = (sid) => adapter.socketRooms(sid) ?? [];
  }

  private readonly changed = new Set<string>();
  private readonly roomsOf: (sid: string) => Iterable<string>;

  private rowOf(sid: string, gone: boolean) {
    const session = this.live.get(sid);
    if (!session) return [];
    try {
      const row = session.row(this.roomsOf(sid), this.options.process.delivered, gone);
      return row ? [row] : [];
    } catch (error) {
      const reason = (error as Error).message;
      this.options.process.report(new Error(`a session is not kept: its socket.data is no JSON (${reason})`));
      return [];
    }
  }

  // The life of a socket

  connected(socket: Socket): void {
    const { pid } = insideOf(socket);
    if (pid === undefined || this.live.has(socket.id)) return;
    const session = new LiveSession(this.hash(pid), socket);
    this.live.set(socket.id, session);
    // Before anything that is sent to it from here: the client may show what it got on another instance.
    this.changed.add(socket.id);
    this.store.flushNow();
    const { adapter } = this.options;
    // With recovery `socket.emit()` is a broadcast to the socket's room; told apart here, from one that is meant so.
    const ownBroadcast = (packet: Packet, options: BroadcastOptions) => {
      const own = options.rooms.size === 1 && options.rooms.has(socket.id) && !options.except?.size;
      if (!own || !socket.connected) return adapter.broadcast(packet, options);
      adapter.emitTo(socket, packet, options.flags ?? {});
      return undefined;
    };
    insideOf(socket).adapter = new Proxy(adapter, {
      get: (target, key): unknown => (key === 'broadcast' ? ownBroadcast : Reflect.get(target, key, target)),
    });
    const waited = this.returning.get(socket.id);
    if (waited) {
      this.returning.delete(socket.id);
      session.inherit(waited.restored.tail, waited.restored.place);
      for (const packet of waited.packets) insideOf(socket).packet(packet);
    }
  }

  /** Its rooms have changed. */
  moved(sid: string): void {
    if (!this.live.has(sid)) return;
    this.changed.add(sid);
    this.store.flushSoon();
  }

  /** It is over, but may be taken up again: `persistSession`. */
  ended(session: Omit<Session, 'missedPackets'>): void {
    this.store.add(this.rowOf(session.sid, true));
    this.live.delete(session.sid);
  }

  /** It has left all rooms. Unless that was told before, it is over for good. */
  gone(sid: string): void {
    const session = this.live.get(sid);
    this.live.delete(sid);
    if (session) this.store.drop(session.id);
    const waited = this.returning.get(sid);
    if (!waited) return;
    this.returning.delete(sid);
    // Restored and then refused, or lost again before it was connected: as if it had not come yet.
    this.store.add([waited.restored.row]);
  }

  // What is sent

  /** Appends the place in the log to what can be recovered: the client takes a string at the end for it. */
  mark(packet: Packet, seq: number | undefined): void {
    const { feed, delivered } = this.options.process;
    if (packet.type !== eventType || packet.id !== undefined) return;
    if (seq !== undefined) packet.data.push(offsetText({ epoch: feed.epoch, seq, own: 0 }));
    // Else a string of the application's would be taken for it.
    else if (typeof packet.data.at(-1) === 'string') {
      packet.data.push(offsetText({ epoch: feed.epoch, seq: delivered, own: 0 }));
    }
  }

  markPrivate(sid: string, packet: Packet, flags: { volatile?: boolean }): void {
    const { feed, delivered } = this.options.process;
    const session = this.live.get(sid);
    if (packet.type !== eventType || packet.id !== undefined || !session) return;
    if (flags.volatile) {
      this.mark(packet, undefined);
      return;
    }
    const own = session.sent(delivered, [...packet.data]);
    packet.data.push(offsetText({ epoch: feed.epoch, seq: delivered, own }));
  }

  /** Keeps a broadcast for those who are on their way in. */
  held(packet: Packet, options: BroadcastOptions): void {
    if (this.returning.size === 0 || options.flags?.volatile) return;
    const target = targetOf(options);
    for (const [sid, { packets }] of this.returning) {
      if (reaches(target, new Set(this.roomsOf(sid)))) packets.push({ ...packet });
    }
  }

  /** Joins and leaves by the log concern those on their way in as well. */
  joined({ target, rooms }: Ordered & { rooms: readonly string[] }): void {
    for (const sid of this.returning.keys()) {
      if (reaches(target, new Set(this.roomsOf(sid)))) this.options.adapter.addAll(sid, new Set(rooms));
    }
  }

  left({ target, rooms }: Ordered & { rooms: readonly string[] }): void {
    for (const sid of this.returning.keys()) {
      if (!reaches(target, new Set(this.roomsOf(sid)))) continue;
      for (const room of rooms) this.options.adapter.del(sid, room);
    }
  }

  // Coming back

  async restore(privateId: string, offset: string): Promise<Session | null> {
    const { process, adapter, lifetimeMs } = this.options;
    const place = parseOffset(offset);
    if (!place || !(await this.reaches(place))) return null;
    const id = this.hash(privateId);
    const restored = await restore({
      id,
      place,
      process,
      namespace: adapter.name,
      lifetimeMs,
      owner: process.id,
      endElsewhere: (owner, sid) => this.takeOver(owner, sid),
    });
    // Twice at once: the first one has it.
    if (!restored || this.returning.has(restored.sid)) return null;
    this.returning.set(restored.sid, { restored, packets: [] });
    return {
      sid: restored.sid,
      pid: privateId,
      rooms: [...restored.rooms],
      data: restored.data,
      missedPackets: restored.missed.map((data) => [...data]),
    };
  }

  /** Whether this instance has delivered all that the client has got, from wherever: it may have been slower. */
  private async reaches({ epoch, seq }: Offset): Promise<boolean> {
    const { process } = this.options;
    if (epoch !== process.feed.epoch) return false;
    if (seq > process.delivered) {
      // What others have got is numbered: after a look at the log it is here, or there is no such place.
      await within(lookMs, new Promise<void>((done) => process.feed.atBarrier(done)));
    }
    return epoch === process.feed.epoch && seq <= process.delivered;
  }

  /** Makes whoever has the socket store all of it and let go. */
  private async takeOver(owner: string, sid: string): Promise<void> {
    const { process, adapter } = this.options;
    if (owner === process.id) {
      await this.letGo(sid);
      return;
    }
    const take = () => process.notices.send({ is: 'take', to: owner, nsp: adapter.name, sid });
    if (!process.peers.has(owner)) {
      // Dead, in all likelihood. If it was only silent for long, its socket must not stay there beside the new one.
      take();
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, handoverMs);
      this.handovers.set(sid, () => {
        clearTimeout(timer);
        resolve();
      });
      take();
    });
    this.handovers.delete(sid);
  }

  private async letGo(sid: string): Promise<void> {
    const session = this.live.get(sid);
    if (session) {
      this.store.add(this.rowOf(sid, true));
      this.live.delete(sid);
      // The connection is dead, though we have not noticed; else the client would not be elsewhere.
      session.socket.disconnect(true);
    }
    await this.store.flush();
  }

  notice(notice: Notice & { is: 'take' | 'taken' }): void {
    const { process } = this.options;
    if (notice.to !== process.id) return;
    if (notice.is === 'taken') {
      this.handovers.get(notice.sid)?.();
      return;
    }
    const { from, nsp, sid } = notice;
    this.letGo(sid)
      .then(() => process.notices.send({ is: 'taken', to: from, nsp, sid }))
      .catch((error: unknown) => process.report(error as Error));
  }

  async close(): Promise<void> {
    await this.store.close();
  }

  /** The private id is as good as a password: the database gets to see its hash alone. */
  private hash(privateId: string): string {
    return createHash('sha256').update(`${this.options.adapter.name}\n${privateId}`).digest('base64url');
  }
}
