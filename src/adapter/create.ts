/** The adapter's factory: what stands in for that of `@socket.io/postgres-adapter`. */
import type { Pool } from 'pg';
import type { Namespace } from 'socket.io';
import { LogAdapter } from './adapter.js';
import { settingsOf, type AdapterOptions } from './options.js';
import { AdapterProcess } from './process.js';

/** What `new Server({ adapter })` takes. */
export interface AdapterFactory {
  (namespace: Namespace): LogAdapter;
  /**
   * Resolves when this process hears the others and is heard. Rejects when it cannot be until an operator has mended
   * something (a pooler in transaction mode); nothing else than that has to wait for it.
   */
  ready(): Promise<void>;
}

/**
 * An adapter for any Socket.IO server: broadcasts, joins, leaves and disconnects go through an ordered log in
 * Postgres, requests between instances by NOTIFY. It makes what it needs in the schema `realtime`.
 *
 * `pool` is the application's own; the adapter takes from it where the database is, and no client. With
 * `connectionStateRecovery`, sessions can be taken up again on any instance.
 */
export function createAdapter(pool: Pool, options: AdapterOptions = {}): AdapterFactory {
  const settings = settingsOf(pool, options);
  let shared: AdapterProcess | undefined;

  // A `function`: Socket.IO calls it with `new`.
  function adapter(namespace: Namespace): LogAdapter {
    const process = (shared ??= new AdapterProcess(pool, settings));
    return new LogAdapter(namespace, process, {
      onLastClosed: () => {
        if (shared === process) shared = undefined;
      },
    });
  }
  return Object.assign(adapter, {
    ready: (): Promise<void> => (shared ??= new AdapterProcess(pool, settings)).ready(),
  });
}
