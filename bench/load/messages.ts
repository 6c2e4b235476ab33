/** What the benchmark and a load generator say to each other. */

export type Protocol = 'raw' | 'socketio';

export type Command =
  | {
      readonly do: 'connect';
      readonly port: number;
      readonly protocol: Protocol;
      readonly tokens: readonly string[];
    }
  /** Counts from zero again, answered by `expect`; then by `arrived`, when every client has had so many event frames. */
  | {
      readonly do: 'expect';
      readonly frames: number;
      /** Whether arrivals are timed against the events' own `timestamp`. */
      readonly timed: boolean;
    }
  /** As `expect`, for clients that are not due the same number each: counts the frames of all. */
  | { readonly do: 'expect total'; readonly frames: number }
  | { readonly do: 'stop' };

/** Pairs: so many milliseconds, so often. */
export type Counts = readonly (readonly [ms: number, count: number])[];

export type Report =
  | { readonly did: 'connect'; readonly clients: number }
  | { readonly did: 'expect' }
  | {
      readonly did: 'arrived';
      readonly frames: number;
      /** The fewest and the most frames any one client has had. */
      readonly least: number;
      readonly most: number;
      /** How many deliveries took so many milliseconds, for each quarter of the events; empty unless timed. */
      readonly delays: readonly Counts[];
    }
  | { readonly did: 'fail'; readonly reason: string };
