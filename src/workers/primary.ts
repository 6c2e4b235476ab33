/** The primary process of `serve --workers`: starts workers, starts them again, and speaks for all of them. */
import cluster, { type Worker } from 'node:cluster';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { AggregatorRegistry, type MetricObject } from 'prom-client';
import { OperatorError } from '../errors.js';
import type { Logger } from '../telemetry/logger.js';
import { isOurs, type ToPrimary, type ToWorker } from './messages.js';
import { Places } from './places.js';
import { stopReading } from './stop-reading.js';

export interface PrimaryOptions {
  readonly workers: number;
  /** Over the primary's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly logger: Logger;
}

export interface Primary {
  /** Resolves with the port, when all listen. @throws OperatorError when one cannot start */
  start(): Promise<number>;
  /** Drains all workers; resolves when they have ended. */
  stop(): Promise<void>;
  /** Ends them at once. */
  kill(): void;
}

/** A worker that ends is started again after this long, twice as long each time it happens again, in milliseconds. */
const firstPauseMs = 100;
const mostPauseMs = 10_000;
/** Who has lived so long has not failed at the start, in milliseconds. */
const soundMs = 30_000;
/** Workers that do not give their metrics are left out after this long, in milliseconds. */
const metricsMs = 3000;

interface Gathering {
  readonly missing: Set<number>;
  readonly metrics: MetricObject[][];
  readonly done: () => void;
}

export function createPrimary({ workers: count, env, logger }: PrimaryOptions): Primary {
  const ready = new Map<number, boolean>();
  const gatherings = new Map<number, Gathering>();
  const places = new Places();
  const restarts = new Set<NodeJS.Timeout>();
  let folder = '';
  let stopping = false;
  let serving = false;
  let pauseMs = firstPauseMs;
  let gathered = 0;

  const workers = (): Worker[] =>
    Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  const tell = (worker: Worker, message: ToWorker, handle?: Socket) => {
    if (worker.isConnected()) worker.send(message, handle, (_gone: Error | null) => undefined);
  };

  function tellReady(): void {
    const all = workers().length === count && workers().every(({ id }) => ready.get(id) === true);
    for (const worker of workers()) tell(worker, { hashi: 'all ready', ready: all });
  }

  async function gather(): Promise<string> {
    const id = ++gathered;
    const metrics: MetricObject[][] = [];
    const asked = workers().filter((worker) => worker.isConnected());
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((done) => {
      timer = setTimeout(done, metricsMs);
      gatherings.set(id, { missing: new Set(asked.map((worker) => worker.id)), metrics, done });
      for (const worker of asked) tell(worker, { hashi: 'give metrics', id });
    });
    clearTimeout(timer);
    gatherings.delete(id);
    return AggregatorRegistry.aggregate(metrics).metrics();
  }

  function hear(worker: Worker, message: unknown, handle: unknown): void {
    if (!isOurs(message)) return;
    const told = message as ToPrimary;
    switch (told.hashi) {
      case 'hello':
        return tell(worker, { hashi: 'welcome', folder });
      case 'state':
        ready.set(worker.id, told.ready);
        return tellReady();
      case 'ask metrics':
        gather().then(
          (text) => tell(worker, { hashi: 'metrics', id: told.id, text }),
          (error: unknown) => logger.error({ err: error }, 'the workers’ metrics could not be put together'),
        );
        return;
      case 'own metrics': {
        const gathering = gatherings.get(told.id);
        if (!gathering?.missing.delete(worker.id)) return;
        gathering.metrics.push(told.metrics);
        if (gathering.missing.size === 0) gathering.done();
        return;
      }
      case 'take': {
        const taken = places.take(worker.id, told.id, told.claim);
        tell(worker, { hashi: 'taken', id: told.id, full: 'full' in taken ? taken.full : null });
        for (const { worker: of, id } of 'displaced' in taken ? taken.displaced : []) {
          const owner = cluster.workers?.[of];
          if (owner) tell(owner, { hashi: 'displaced', id });
        }
        return;
      }
      case 'give':
        return places.give(worker.id, told.id);
      case 'handover': {
        const owner = cluster.workers?.[told.worker];
        const socket = handle as Socket | undefined;
        if (socket) stopReading(socket);
        if (owner?.isConnected()) tell(owner, told, socket);
        else socket?.destroy();
      }
    }
  }

  function fork(): Worker {
    const startedAt = performance.now();
    const worker = cluster.fork(env);
    worker.on('error', (error) =>
      logger.error({ err: error, worker: worker.id }, 'a worker cannot be reached'),
    );
    // A process that ends closes this before its sockets: whoever comes back at once finds the places free.
    worker.once('disconnect', () => places.forget(worker.id));
    worker.once('exit', (code, signal) => {
      places.forget(worker.id);
      ready.delete(worker.id);
      for (const gathering of gatherings.values()) {
        if (gathering.missing.delete(worker.id) && gathering.missing.size === 0) gathering.done();
      }
      tellReady();
      if (stopping || !serving) return;
      if (performance.now() - startedAt > soundMs) pauseMs = firstPauseMs;
      logger.error({ worker: worker.id, code, signal, pauseMs }, 'a worker ended: another one is started');
      const timer = setTimeout(() => {
        restarts.delete(timer);
        fork();
      }, pauseMs);
      restarts.add(timer);
      pauseMs = Math.min(mostPauseMs, pauseMs * 2);
    });
    return worker;
  }

  const listening = (worker: Worker) =>
    new Promise<number>((resolve, reject) => {
      worker.once('listening', ({ port }) => resolve(port));
      worker.once('exit', () => reject(new OperatorError('A worker could not start: it has said why.')));
    });

  async function end(signal: NodeJS.Signals): Promise<void> {
    stopping = true;
    for (const timer of restarts) clearTimeout(timer);
    await Promise.all(
      workers().map(async (worker) => {
        const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
        worker.process.kill(signal);
        await gone;
      }),
    );
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  }

  return {
    async start() {
      folder = await mkdtemp(join(tmpdir(), 'hashi-workers-'));
      cluster.on('message', hear);
      try {
        const [port = 0] = await Promise.all(Array.from({ length: count }, () => listening(fork())));
        serving = true;
        return port;
      } catch (error) {
        await end('SIGTERM');
        throw error;
      }
    },
    stop: () => end('SIGTERM'),
    kill() {
      for (const worker of workers()) worker.process.kill('SIGKILL');
      // The process ends with this call: nothing that takes a moment would still be done.
      if (folder !== '') rmSync(folder, { recursive: true, force: true });
    },
  };
}
