/**
 * The Socket.IO adapter of this server. What the server API sends, and whom it moves, has its place in the log among the
 * database's events, and goes out through the hub as they do; sessions are recovered from the log alone.
 */
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Session } from 'socket.io-adapter';
import { LogAdapter } from '../adapter/adapter.js';
import type { LogAdapterOptions } from '../adapter/member.js';
import { MessageType, type Ordered, type Packet } from '../adapter/messages.js';
import type { AdapterProcess } from '../adapter/process.js';
import { closeCodes } from '../errors.js';
import { cursorOf } from '../log/position.js';
import type { Place } from '../protocol/emitted.js';
import type { Emits } from '../routing/emits.js';
import type { Hub } from '../routing/hub.js';
import type { Connection } from './connection.js';
import { newSessionId } from './session-id.js';
import { shrinkSet } from './small-set.js';
import { withOne } from './spare.js';

export interface HubAdapterOptions {
  readonly process: AdapterProcess;
  readonly hub: Hub;
  readonly emits: Emits;
  readonly connectionOf: (socketId: string) => Connection | undefined;
  /** The session a client may take up again by its private id and the offset it has seen; null if it may not. */
  readonly restore: (privateId: string, offset: string) => Promise<{ sid: string; pid: string } | null>;
}

/** More than this does not come for a client on its way in: it comes back, and goes on where it was. */
const mostHeld = 1000;

/** What `new Server({ adapter })` takes. It must be a `function`: Socket.IO calls it with `new`. */
export function hubAdapter(options: HubAdapterOptions): (nsp: Namespace) => LogAdapter {
  return function adapter(nsp: Namespace): LogAdapter {
    const { process } = options;
    const settings = { onLastClosed: () => undefined, storesSessions: false };
    return nsp.name === '/'
      ? new HubAdapter(nsp, process, settings, options)
      : new LogAdapter(nsp, process, settings);
  };
}

/** Parts of the in-memory adapter that its types keep to themselves. */
interface Inside {
  apply(options: BroadcastOptions, callback: (socket: Socket) => void): void;
  _encode(packet: Packet, packetOptions: object): unknown;
}

interface SocketInside {
  notifyOutgoingListeners(packet: Packet): void;
}

/** The default namespace's: its sockets are connections of the hub. */
class HubAdapter extends LogAdapter {
  /** A broadcast that asks for acknowledgements, while it is sent to local sockets. */
  private asking: Packet | undefined;

  constructor(
    nsp: Namespace,
    process: AdapterProcess,
    settings: LogAdapterOptions,
    private readonly hubOptions: HubAdapterOptions,
  ) {
    super(nsp, process, settings);
    const { hub, connectionOf } = hubOptions;
    this.on('join-room', (room: string, id: string) => {
      const connection = connectionOf(id);
      if (connection) hub.joined(room, connection);
    });
    this.on('leave-room', (room: string, id: string) => {
      const connection = connectionOf(id);
      if (connection) hub.left(room, connection);
    });
    const inside = inMemory(this);
    Object.assign(this, {
      // Called one right after the other; a packet with a number asks for acknowledgements.
      _encode: (packet: Packet, packetOptions: object) => {
        this.asking = packet.id === undefined ? undefined : packet;
        return inside._encode(packet, packetOptions);
      },
      apply: (target: BroadcastOptions, callback: (socket: Socket) => void) => {
        const { asking } = this;
        this.asking = undefined;
        // What is due already comes before.
        if (asking) hub.flush();
        inside.apply(target, asking ? (socket) => this.ask(socket, asking, callback) : callback);
        if (asking) hub.flush();
      },
    });
  }

  /** A raw client cannot acknowledge, so it is told and not counted; who is not live yet is neither. */
  private ask(socket: Socket, packet: Packet, send: (socket: Socket) => void): void {
    const { hub, connectionOf, emits } = this.hubOptions;
    const connection = connectionOf(socket.id);
    if (!connection?.live) return;
    if (connection.wire.transport === 'socketio') send(socket);
    else hub.deliver(emits.message(packet.data, this.place(undefined)), [connection]);
  }

  override addAll(id: string, rooms: Set<string>): void {
    super.addAll(id, rooms);
    shrinkSet(this.sids, id);
    for (const room of rooms) shrinkSet(this.rooms, room);
  }

  override deliver(message: Ordered, seq: number | undefined): void {
    // What is due to somebody leaves before he does.
    if (message.type === MessageType.DISCONNECT_SOCKETS) this.hubOptions.hub.flush();
    super.deliver(message, seq);
  }

  protected override broadcastHere(packet: Packet, target: BroadcastOptions, seq?: number): void {
    // socket.emitWithAck: the socket waits for its answer.
    const { hub, connectionOf, emits } = this.hubOptions;
    if (packet.id !== undefined) {
      hub.flush();
      return super.broadcastHere(packet, target, seq);
    }
    const message = emits.message(packet.data, this.place(seq));
    const live: Connection[] = [];
    inMemory(this).apply(target, (socket) => {
      const connection = connectionOf(socket.id);
      if (!connection || connection.closed) return;
      (socket as unknown as SocketInside).notifyOutgoingListeners(packet);
      // Not to be kept for anybody: who still has something to take does without.
      if (target.flags?.volatile && (!connection.live || connection.wire.unsentBytes() > 0)) return;
      if (connection.live) live.push(connection);
      else this.hold(connection, packet, target, seq);
    });
    hub.deliver(message, live);
    // An entry of the log goes out with those that came along.
    if (seq === undefined) hub.flush();
  }

  private place(seq: number | undefined): Place {
    const { current, feed } = this.process;
    const at = current ? cursorOf(feed.epoch, current.seq, current.at) : feed.cursor;
    return seq === undefined ? { at } : { cursor: at, at };
  }

  /** Keeps it for a connection that is in the room already, and is not live. */
  private hold(
    connection: Connection,
    packet: Packet,
    { rooms }: BroadcastOptions,
    seq: number | undefined,
  ): void {
    // It is replayed what has gone to everyone.
    if (connection.resumes && seq !== undefined && rooms.size === 0) return;
    const { emits } = this.hubOptions;
    connection.held = withOne(connection.held, {
      seq,
      early: this.process.early,
      message: (at) => emits.message(packet.data, seq === undefined ? { at } : { cursor: at, at }),
    });
    if (connection.held.length > mostHeld) connection.wire.close(closeCodes.TRY_AGAIN, 'try again later');
  }

  override async restoreSession(privateId: string, offset: string): Promise<Session> {
    const session = await this.hubOptions.restore(privateId, offset);
    // What was missed is replayed once the token has been checked, not here. Until then it goes by an id of its own:
    // a socket that is refused is cleaned up by its id, and must not take another one's rooms with it.
    const restored = session && { ...session, sid: newSessionId(), rooms: [], data: {}, missedPackets: [] };
    return restored as unknown as Session;
  }
}

/** The in-memory adapter's own methods, past what an instance has put over them. */
function inMemory(adapter: LogAdapter): Inside {
  const inside = LogAdapter.prototype as unknown as Inside;
  return {
    apply: (target, callback) => inside.apply.call(adapter, target, callback),
    _encode: (packet, packetOptions) => inside._encode.call(adapter, packet, packetOptions),
  };
}
