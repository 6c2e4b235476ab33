/** What faults strike: instances, their network, the database, clients, and what writers have left open. */
import type pg from 'pg';
import type { Instance } from '../../support/instances.js';
import type { TcpProxy } from '../../support/proxy.js';
import type { Follower } from '../support/followers.js';
import type { ChaosDatabase } from './database.js';
import type { Random } from './random.js';
import type { Journal, World } from './world.js';

/** A place for an instance: the process in it changes, its way to the database stays. */
export interface Berth {
  instance: Instance;
  readonly database: TcpProxy;
}

/** A transaction that is left open while other faults strike. */
export interface Lingering {
  /** How many faults it outlasts. */
  faults: number;
  finish(): Promise<void>;
}

export interface Arena {
  readonly berths: readonly Berth[];
  /** The load balancer. */
  readonly front: TcpProxy;
  readonly pool: pg.Pool;
  readonly followers: readonly Follower[];
  readonly random: Random;
  readonly world: World;
  readonly journal: Journal;
  readonly database: ChaosDatabase;
  readonly lingering: Lingering[];
  restart(berth: Berth): Promise<void>;
  /** How long to freeze the database, if not for as long as is drawn. */
  readonly freezeMs?: number | undefined;
  pause(ms: number): Promise<void>;
  /** Something that must not be. */
  complain(what: string): void;
}

/** @param berth the one that was drawn */
export type Fault = (arena: Arena, berth: Berth) => Promise<void>;
