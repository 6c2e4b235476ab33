/** A Postgres for a run from the command line, and its end: also where the run is told to end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createShutdown } from '../../src/cli/signals.js';
import { startEmbedded, type EmbeddedOptions, type EmbeddedPostgres } from '../../src/database/embedded.js';

export interface OwnPostgres {
  readonly postgres: EmbeddedPostgres;
  /** Goes with it. */
  readonly dataDir: string;
  readonly stop: () => Promise<void>;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** @param name of the run, for its directory */
export async function startOwnPostgres(
  name: string,
  options: Omit<EmbeddedOptions, 'dataDir'> = {},
): Promise<OwnPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), `hashi-${name}-`));
  const starting = startEmbedded({ dataDir, tuning: 'test', ...options });
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= (async () => {
      await (await starting).stop();
      await rm(dataDir, { recursive: true, force: true });
      for (const signal of signals) process.off(signal, onSignal);
    })());
  // It is in a session of its own, which no signal of a terminal reaches.
  const onSignal = createShutdown({ stop, exit: () => process.exit(1) });
  for (const signal of signals) process.on(signal, onSignal);
  return { postgres: await starting, dataDir, stop };
}
