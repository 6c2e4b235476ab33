/**
 * The adapter of one namespace. Broadcasts, joins, leaves and disconnects take their place in the log; requests and
 * what is volatile go by notification, as with the stock cluster adapter that this extends.
 */
import type { Namespace, Socket } from 'socket.io';
import {
  Adapter,
  ClusterAdapterWithHeartbeat,
  type BroadcastOptions,
  type ClusterMessage,
  type ClusterResponse,
  type Session,
} from 'socket.io-adapter';
import { insideOf, isOneOf, recoveryMs, type AdapterInside } from './inside.js';
import {
  isVolatile,
  MessageType,
  optionsOf,
  orderedOf,
  targetOf,
  wireOptionsOf,
  type Notice,
  type Ordered,
  type Packet,
} from './messages.js';
import type { LogAdapterOptions, Member } from './member.js';
import type { AdapterProcess } from './process.js';
import { Recovery } from './recovery.js';
import { SocketSearch } from './socket-search.js';

/** The process itself says that it is alive, for all its namespaces; the stock timers of each would add up. */
const never = 2 ** 31 - 1;
let adapters = 0;

/** Methods of the in-memory adapter, which know local sockets only. */
const local = Adapter.prototype;

/** The adapter of one namespace: what Socket.IO calls, by way of the ordered log. Made by `createAdapter`. */
export class LogAdapter extends ClusterAdapterWithHeartbeat implements Member {
  readonly name: string;
  private readonly recovery: Recovery | undefined;
  /** `socket.emit()` comes as a broadcast to the socket's room, and nobody else tells it apart. */
  private readonly emitsByBroadcast: boolean;
  private readonly search: SocketSearch;

  constructor(
    namespace: Namespace,
    readonly process: AdapterProcess,
    private readonly options: LogAdapterOptions,
  ) {
    super(namespace, {
      heartbeatInterval: never,
      heartbeatTimeout: process.settings.heartbeatTimeout,
    });
    this.name = namespace.name;
    const inside = this as unknown as AdapterInside;
    inside.uid = `${process.id}.${++adapters}`;
    this.search = new SocketSearch({
      peers: () => [...inside.nodesMap.keys()],
      ask: (requestId, options) => {
        this.publish({ type: MessageType.FETCH_SOCKETS, data: { requestId, opts: wireOptionsOf(options) } });
      },
      onError: (error) => process.report(error),
    });
    const stock = ClusterAdapterWithHeartbeat.prototype as unknown as AdapterInside;
    Object.assign(this, {
      removeNode: (uid: string) => {
        stock.removeNode.call(inside, uid);
        this.search.left(uid);
      },
      // The stock one appends an empty offset to what has no place in the log.
      addOffsetIfNecessary: () => undefined,
    });
    const lifetimeMs = recoveryMs(namespace);
    this.emitsByBroadcast = lifetimeMs !== undefined && options.storesSessions === false;
    if (lifetimeMs !== undefined && options.storesSessions !== false)
      this.recovery = new Recovery({ adapter: this, namespace, process, lifetimeMs });
    process.add(this);
  }

  // Socket.IO waits for it, though the class that this extends has nothing to wait for.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  override async close(): Promise<void> {
    super.close();
    this.search.close();
    await this.recovery?.close();
    this.process.remove(this);
    if (this.process.members.size > 0) return;
    this.options.onLastClosed();
    await this.process.stop();
  }

  // What goes through the log

  override broadcast(packet: Packet, options: BroadcastOptions): Promise<void> {
    const done = Promise.resolve();
    if (options.flags?.local || (this.emitsByBroadcast && isOneOf(this.nsp as Namespace, options))) {
      this.broadcastHere(packet, options);
      return done;
    }
    if (options.flags?.volatile) {
      // Others get it at best once, now; here too. It has no place in the log.
      if (this.process.peers.size > 0) {
        const { type, data } = packet;
        this.publish({
          type: MessageType.BROADCAST,
          data: { packet: { type, data }, opts: wireOptionsOf(options) },
        });
      }
      this.broadcastHere(packet, options);
      return done;
    }
    this.append({
      nsp: this.name,
      type: MessageType.BROADCAST,
      target: targetOf(options),
      packet: { type: packet.type, data: packet.data },
    });
    return done;
  }

  override addSockets(options: BroadcastOptions, rooms: string[]): Promise<void> {
    if (options.flags?.local) local.addSockets.call(this, options, rooms);
    else this.append({ nsp: this.name, type: MessageType.SOCKETS_JOIN, target: targetOf(options), rooms });
    return Promise.resolve();
  }

  override delSockets(options: BroadcastOptions, rooms: string[]): Promise<void> {
    if (options.flags?.local) local.delSockets.call(this, options, rooms);
    else this.append({ nsp: this.name, type: MessageType.SOCKETS_LEAVE, target: targetOf(options), rooms });
    return Promise.resolve();
  }

  override disconnectSockets(options: BroadcastOptions, close: boolean): Promise<void> {
    if (options.flags?.local) local.disconnectSockets.call(this, options, close);
    else {
      const target = targetOf(options);
      this.append({ nsp: this.name, type: MessageType.DISCONNECT_SOCKETS, target, close });
    }
    return Promise.resolve();
  }

  private append(message: Ordered): void {
    this.process.outbox.append(message);
  }

  /** Takes a message to local sockets; `seq` is its place in the log, if it has one. */
  deliver(message: Ordered, seq: number | undefined): void {
    const options = optionsOf(message.target);
    switch (message.type) {
      case MessageType.BROADCAST:
        this.broadcastHere({ ...message.packet, data: [...message.packet.data] }, options, seq);
        return;
      case MessageType.SOCKETS_JOIN:
        local.addSockets.call(this, options, [...message.rooms]);
        this.recovery?.joined(message);
        return;
      case MessageType.SOCKETS_LEAVE:
        local.delSockets.call(this, options, [...message.rooms]);
        this.recovery?.left(message);
        return;
      case MessageType.DISCONNECT_SOCKETS:
        local.disconnectSockets.call(this, options, message.close);
        return;
    }
  }

  /** To local sockets; a packet of its own, which may be changed. */
  protected broadcastHere(packet: Packet, options: BroadcastOptions, seq?: number): void {
    this.recovery?.mark(packet, seq);
    local.broadcast.call(this, packet, options);
    this.recovery?.held(packet, options);
  }

  // Requests and answers

  override broadcastWithAck(
    packet: Packet,
    options: BroadcastOptions,
    onClientCount: (count: number) => void,
    onAck: (...args: unknown[]) => void,
  ): void {
    const ask = () => super.broadcastWithAck(packet, options, onClientCount, onAck);
    const settled = options.flags?.local ? undefined : this.process.outbox.settled();
    if (!settled) ask();
    else settled.then(ask).catch((error: unknown) => this.process.report(error as Error));
  }

  /** Everybody's; of those who do not answer in time it is told who is missing, and the others' are returned. */
  override async fetchSockets(options: BroadcastOptions): Promise<unknown[]> {
    if (!options.flags?.local) await this.process.outbox.settled();
    const here = (await local.fetchSockets.call(this, options)) as unknown[];
    if (options.flags?.local) return here;
    return [...here, ...(await this.search.find(options))];
  }

  override async serverSideEmit(packet: unknown[]): Promise<void> {
    await this.process.outbox.settled();
    await super.serverSideEmit(packet);
  }

  protected override async doPublish(message: ClusterMessage): Promise<string> {
    this.process.notices.send({ is: 'cluster', at: this.process.delivered, message });
    return '';
  }

  protected override async doPublishResponse(to: string, response: ClusterResponse): Promise<void> {
    this.process.notices.send({ is: 'cluster', at: 0, to, message: response });
  }

  override onResponse(response: ClusterResponse): void {
    if (response.type === MessageType.FETCH_SOCKETS_RESPONSE && this.search.answer(response)) return;
    super.onResponse(response);
  }

  notice(notice: Notice): void {
    if (notice.is === 'take' || notice.is === 'taken') {
      this.recovery?.notice(notice);
      return;
    }
    if (notice.is !== 'cluster') return;
    const { uid } = this as unknown as AdapterInside;
    if (notice.to !== undefined && notice.to !== uid) return;
    const message = notice.message as ClusterMessage;
    // Who asks has seen the log up to there: the answer must not be older.
    const reached = this.process.reached(notice.at);
    if (!reached || isVolatile(message)) this.onClusterMessage(message);
    else {
      reached
        .then(() => this.onClusterMessage(message))
        .catch((error: unknown) => this.process.report(error as Error));
    }
  }

  private onClusterMessage(message: ClusterMessage): void {
    const ordered = isVolatile(message) ? orderedOf(message) : undefined;
    if (ordered) {
      (this as unknown as AdapterInside).nodesMap.set(message.uid, Date.now());
      this.deliver(ordered, undefined);
    } else this.onMessage(message);
  }

  emitted(message: ClusterMessage): void {
    const ordered = orderedOf(message);
    if (ordered) this.deliver(ordered, undefined);
    else if (message.type === MessageType.SERVER_SIDE_EMIT) this.onMessage(message);
    else throw new Error(`type ${message.type} is nothing that an emitter sends`);
  }

  alive(process: string): void {
    const { nodesMap } = this as unknown as AdapterInside;
    for (const uid of nodesMap.keys()) {
      if (uid.startsWith(`${process}.`)) nodesMap.set(uid, Date.now());
    }
  }

  announce(): void {
    this.init();
  }

  // Rooms and sessions

  override addAll(id: string, rooms: Set<string>): void {
    void super.addAll(id, rooms);
    const socket = (this.nsp as Namespace).sockets.get(id);
    if (socket && rooms.has(id)) this.recovery?.connected(socket);
    else this.recovery?.moved(id);
  }

  override del(id: string, room: string): void {
    void super.del(id, room);
    this.recovery?.moved(id);
  }

  override delAll(id: string): void {
    super.delAll(id);
    this.recovery?.gone(id);
  }

  override persistSession(session: Omit<Session, 'missedPackets'>): void {
    this.recovery?.ended(session);
  }

  override async restoreSession(privateId: string, offset: string): Promise<Session> {
    // Null is what Socket.IO expects for "no such session", though its types do not say so.
    return (await this.recovery?.restore(privateId, offset)) ?? (null as unknown as Session);
  }

  /** What `socket.emit()` sends when sessions are recovered: to this socket alone, at once, without the database. */
  emitTo(socket: Socket, packet: Packet, flags: NonNullable<BroadcastOptions['flags']>): void {
    // As in a broadcast: the packet is what it was when it was sent.
    const copy = { ...packet, data: packet.data };
    this.recovery?.markPrivate(socket.id, copy, flags);
    insideOf(socket).notifyOutgoingListeners(copy);
    insideOf(socket).packet(copy, flags);
  }
}
