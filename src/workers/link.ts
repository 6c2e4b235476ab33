/** A worker's side of the cluster: it tells the primary how it is, and hears of the others. */
import cluster from 'node:cluster';
import type { Socket } from 'node:net';
import type { MetricObject } from 'prom-client';
import { isOurs, type ToPrimary, type ToWorker } from './messages.js';
import type { SharedPlaces } from './places.js';
import { stopReading } from './stop-reading.js';

export interface WorkerLink extends SharedPlaces {
  readonly number: number;
  /** Where the workers' private sockets are. */
  readonly folder: string;
  /** Whether every worker is ready. */
  readonly allReady: boolean;
  report(ready: boolean): void;
  /** The metrics of all workers, as text for Prometheus. */
  metrics(): Promise<string>;
  /** Gives this worker's metrics whenever somebody asks for everybody's. */
  onMetrics(read: () => Promise<MetricObject[]>): void;
  /** Gives a connection to the worker whose session it belongs to; its request is read there once more. */
  handOver(worker: number, socket: Socket, read: Buffer): void;
  /** Takes connections of sessions that are this worker's. */
  onHandover(take: (socket: Socket, read: Buffer) => void): void;
}

/** How long the others may take to give their metrics, in milliseconds. */
const patienceMs = 5000;

/** Resolves when the primary has said what a worker has to know. */
export async function joinCluster(): Promise<WorkerLink> {
  const waiting = new Map<number, (text: string) => void>();
  const claims = new Map<number, (full: string | null) => void>();
  /** Claims that were granted, and whom to tell that one is over. */
  const holds = new Map<number, (() => void) | undefined>();
  let asked = 0;
  let claimed = 0;
  let allReady = false;
  let read: (() => Promise<MetricObject[]>) | undefined;
  let take: ((socket: Socket, read: Buffer) => void) | undefined;
  // The primary may be gone: then so are we, soon.
  const send = (message: ToPrimary, socket?: Socket, sent: () => void = () => undefined) =>
    process.send?.(message, socket, {}, sent);

  const folder = await new Promise<string>((resolve) => {
    process.on('message', (message: unknown, handle: unknown) => {
      if (!isOurs(message)) return;
      const told = message as ToWorker;
      switch (told.hashi) {
        case 'welcome':
          return resolve(told.folder);
        case 'all ready':
          allReady = told.ready;
          return;
        case 'give metrics':
          void (read?.() ?? Promise.resolve([])).then(
            (metrics) => send({ hashi: 'own metrics', id: told.id, metrics }),
            (_unreadable: unknown) => send({ hashi: 'own metrics', id: told.id, metrics: [] }),
          );
          return;
        case 'metrics':
          waiting.get(told.id)?.(told.text);
          waiting.delete(told.id);
          return;
        case 'taken':
          claims.get(told.id)?.(told.full);
          claims.delete(told.id);
          return;
        case 'displaced':
          holds.get(told.id)?.();
          return;
        case 'handover':
          // It may have been closed on the way.
          if (handle) take?.(handle as Socket, Buffer.from(told.read, 'base64'));
      }
    });
    // What comes before somebody listens is lost.
    send({ hashi: 'hello' });
  });
  return {
    number: cluster.worker?.id ?? 0,
    folder,
    get allReady() {
      return allReady;
    },
    report: (ready) => void send({ hashi: 'state', ready }),
    metrics: () =>
      new Promise((resolve, reject) => {
        const id = ++asked;
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(new Error('the workers did not give their metrics in time'));
        }, patienceMs);
        waiting.set(id, (text) => {
          clearTimeout(timer);
          resolve(text);
        });
        send({ hashi: 'ask metrics', id });
      }),
    onMetrics: (give) => (read = give),
    handOver(worker, socket, bytes) {
      // Or its server would wait at the stop until the other process has told that it is closed, which nobody does.
      Object.assign(socket, { server: null });
      stopReading(socket);
      // Its own end is told here, though the connection goes on elsewhere: it is counted no more.
      send({ hashi: 'handover', worker, read: bytes.toString('base64') }, socket, () => socket.destroy());
    },
    onHandover: (receive) => (take = receive),
    take: (claim, onDisplaced) =>
      new Promise((resolve) => {
        const id = ++claimed;
        const leave = () => {
          if (holds.delete(id)) send({ hashi: 'give', id });
        };
        claims.set(id, (full) => {
          if (full !== null) return resolve({ full });
          holds.set(id, onDisplaced);
          resolve({ leave });
        });
        send({ hashi: 'take', id, claim });
      }),
  };
}
