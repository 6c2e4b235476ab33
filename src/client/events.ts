/** What can be listened to, and who listens. */
import type { HashiMessage } from '../catalog/index.js';

/** A message that carries an event, as a catalogue's families define it. */
export interface EventMessage {
  readonly type: string;
  readonly data: { readonly type: string };
}

/** What the server says at every connect, before anything else. */
export interface Connected {
  readonly playerId: string;
  readonly connectionId: string;
  readonly lobbies: readonly { readonly lobbyId: string; readonly lobbyCode: string }[];
  readonly cursor: string;
  /** Nothing was lost since the last connection. */
  readonly recovered: boolean;
  readonly timestamp: string;
}

/** `reconnecting` and `closed` bring the close code and reason of the connection that ended. */
export type StateChange =
  | { readonly state: 'connecting' | 'open' }
  | {
      readonly state: 'reconnecting';
      readonly code: number;
      readonly reason: string;
      /** Until the next attempt. */
      readonly delayMs: number;
    }
  | { readonly state: 'closed'; readonly code: number; readonly reason: string };
/** `connecting`, `open`, `reconnecting` or `closed`. */
export type State = StateChange['state'];

/**
 * Events may be missing: read the state again. `RESUME_FAILED`: the time away was too long; `RESYNC_REQUIRED`: a
 * change that cannot be told as events; `RESUBSCRIBED`: events of this lobby, while the connection was down.
 */
export interface Gap {
  readonly code: 'RESUME_FAILED' | 'RESYNC_REQUIRED' | 'RESUBSCRIBED';
  readonly lobby?: string;
}

export interface Signals {
  readonly state: StateChange;
  readonly gap: Gap;
  readonly connected: Connected;
  /** Whatever else the server sends, such as the embedding program's own `io.emit`. */
  readonly message: { readonly type: string; readonly data: unknown };
}

/** Names to listen to, and what a listener is given: an event by its type, its family or, as `event`, any. */
export type EventMap<M extends EventMessage = HashiMessage> = {
  [T in M['data']['type']]: Extract<M['data'], { readonly type: T }>;
} & { [F in M['type']]: Extract<M, { readonly type: F }>['data'] } & { event: M['data'] } & Signals;

export type Listener<T> = (value: T) => unknown;

export class Listeners {
  private readonly byName = new Map<string, Set<{ call: Listener<never> }>>();

  constructor(private readonly report: (error: unknown) => void) {}

  add(name: string, call: Listener<never>): () => void {
    const entry = { call };
    const entries = this.byName.get(name) ?? new Set();
    this.byName.set(name, entries.add(entry));
    return () => void entries.delete(entry);
  }

  /** One listener's failure, at once or later, is reported and is nothing to the others. */
  tell(name: string, value: unknown): void {
    for (const { call } of [...(this.byName.get(name) ?? [])]) {
      try {
        const result = call(value as never);
        if (result instanceof Promise) result.catch(this.report);
      } catch (error) {
        this.report(error);
      }
    }
  }
}
