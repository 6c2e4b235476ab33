/** What a worker and the primary process say to each other. */
import type { MetricObject } from 'prom-client';
import type { Claim } from './places.js';

export type ToPrimary =
  /** Listens from now on; answered by `welcome`. */
  | { readonly hashi: 'hello' }
  | { readonly hashi: 'state'; readonly ready: boolean }
  /** Asks for the metrics of all workers; answered by `metrics`. */
  | { readonly hashi: 'ask metrics'; readonly id: number }
  | { readonly hashi: 'own metrics'; readonly id: number; readonly metrics: MetricObject[] }
  /** Asks for places for a connection; answered by `taken`. */
  | { readonly hashi: 'take'; readonly id: number; readonly claim: Claim }
  /** Gives them up; not answered. */
  | { readonly hashi: 'give'; readonly id: number }
  /** With the connection's handle: it belongs to a session of another worker. */
  | Handover;

export type ToWorker =
  /** Where the workers' private sockets are. */
  | { readonly hashi: 'welcome'; readonly folder: string }
  | { readonly hashi: 'all ready'; readonly ready: boolean }
  | { readonly hashi: 'give metrics'; readonly id: number }
  | { readonly hashi: 'metrics'; readonly id: number; readonly text: string }
  /** The name of the place that was not to be had. */
  | { readonly hashi: 'taken'; readonly id: number; readonly full: string | null }
  /** Another connection has taken up the session of this one. */
  | { readonly hashi: 'displaced'; readonly id: number }
  | Handover;

export interface Handover {
  readonly hashi: 'handover';
  readonly worker: number;
  /** What has been read of the connection, in base64: the request, and what came behind it. */
  readonly read: string;
}

/** Other messages go between the processes of a cluster, too. */
export const isOurs = (message: unknown): message is ToPrimary | ToWorker =>
  typeof message === 'object' && message !== null && 'hashi' in message;
