/** One client, whatever it speaks: what routing knows of it. */
import { closeCodeOf, type ErrorCode } from '../errors.js';
import { ErrorMessage, errorMessage } from '../protocol/error-message.js';
import type { Form, Framing, Outgoing } from '../protocol/outgoing.js';
import type { Batch } from '../routing/batch.js';
import type { ByteSocket } from './byte-socket.js';
import { none } from './spare.js';

/** What came for a connection by the server API before it was live. */
export interface Held {
  /** Its place in the log, if it has one. */
  readonly seq: number | undefined;
  /** The number by which this process will know it in the log, where it came before that. */
  readonly early: number | undefined;
  /** The message, for a client that is as far in the log as this. */
  readonly message: (cursor: string) => Outgoing;
}

export type Transport = 'websocket' | 'socketio';

/** What a transport does for a connection: bytes out, and the end of it. */
export interface Wire {
  readonly transport: Transport;
  /** The form events are sent in. */
  form: Form;
  /** How live events are sent. */
  readonly framing: Framing;
  /** What may be given whole frames with nothing else to see to; null while there is something. */
  plainSocket(): ByteSocket | null;
  /** Takes it out of the lane it is in. */
  alone(): void;
  /** Writes a batch in one go. Returns false when the client reads too slowly: the connection is over then. */
  writeBatch(batch: Batch): boolean;
  /** Writes missed events; a replay waits for the client, so no limit applies. */
  writeReplay(batch: Batch): void;
  /** Writes one message at once. */
  write(message: Outgoing): void;
  /** Bytes that the client has not taken yet. */
  unsentBytes(): number;
  /** Whether more waits for the client than may: it is not answered then. */
  tooSlow(): boolean;
  /** Resolves when the client has taken what was written, or is gone. */
  drained(): Promise<void>;
  /** Ends the connection: raw clients see `code`. */
  close(code: number, reason: string): void;
}

/** Most connections are in few rooms, and an empty set takes 170 bytes. */
const nowhere: ReadonlySet<string> = new Set();

export class Connection {
  /** Live: in its rooms, and fed by the router. Before that it is admitted, or replays. */
  live = false;
  closed = false;
  /** Whether it resumes: the log is replayed to it before it is live. */
  resumes = false;
  /** In order; sent when it is live. */
  held: readonly Held[] = none;
  /** Told of every error that is sent. */
  onError: (code: ErrorCode) => void = () => undefined;
  /** When its token ends, in milliseconds of the epoch. */
  expiresAt = Number.POSITIVE_INFINITY;
  /** What is due to it in this tick. */
  due: Batch | undefined;
  private membershipsMade: Set<string> | undefined;
  private subscriptionsMade: Set<string> | undefined;
  private movesMade: Map<string, 'join' | 'leave'> | undefined;
  private lapsedMade: Set<string> | undefined;

  constructor(
    /** The Socket.IO socket's id: its name in rooms and in the server API. */
    readonly id: string,
    readonly playerId: string,
    readonly wire: Wire,
  ) {}

  /** Rooms by membership, as the database has it at the connection's place in the log. */
  get memberships(): ReadonlySet<string> {
    return this.membershipsMade ?? nowhere;
  }

  /** Rooms by `subscribe`. */
  get subscriptions(): ReadonlySet<string> {
    return this.subscriptionsMade ?? nowhere;
  }

  addMembership(room: string): void {
    (this.membershipsMade ??= new Set()).add(room);
  }

  subscribe(room: string): void {
    (this.subscriptionsMade ??= new Set()).add(room);
  }

  /** Returns whether it was subscribed. */
  unsubscribe(room: string): boolean {
    return this.subscriptionsMade?.delete(room) ?? false;
  }

  /** It is a member no more, and not subscribed. */
  leave(room: string): void {
    this.membershipsMade?.delete(room);
    this.unsubscribe(room);
  }

  leaveAll(): void {
    this.membershipsMade = undefined;
    this.subscriptionsMade = undefined;
  }

  /** Joins and leaves that pass while it is admitted: the last one of each room. */
  get moves(): Map<string, 'join' | 'leave'> {
    return (this.movesMade ??= new Map());
  }

  /** Rooms of subscriptions that were ended by what the log cannot tell, and are to be taken up again. */
  get lapsed(): Set<string> {
    return (this.lapsedMade ??= new Set());
  }

  /** It is in its rooms: what was noted on the way there is done with. */
  settle(): void {
    this.movesMade = undefined;
    this.lapsedMade = undefined;
  }

  send(message: Outgoing): void {
    if (this.closed) return;
    if (this.wire.tooSlow()) return this.fail('SLOW_CONSUMER');
    if (message instanceof ErrorMessage) this.onError(message.code);
    this.wire.write(message);
  }

  /** Tells an error and ends the connection, if the error is one that does. */
  fail(code: ErrorCode, id?: string | number): void {
    if (this.closed) return;
    // Who asks and asks and never reads the answers is slow, too.
    if (code !== 'SLOW_CONSUMER' && this.wire.tooSlow()) return this.fail('SLOW_CONSUMER');
    this.onError(code);
    this.wire.write(errorMessage(code, id));
    const closeCode = closeCodeOf[code];
    if (closeCode === undefined) return;
    // Its end may take a while to arrive; nothing is done for it any more.
    this.closed = true;
    this.wire.close(closeCode, code);
  }
}
