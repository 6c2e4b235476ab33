/** The adapter's factory: what stands in for that of `@socket.io/postgres-adapter`. */
import type { Pool } from 'pg';
import type { Namespace } from 'socket.io';
import { LogAdapter } from './adapter.js';
import { connectionOf, settingsOf, type AdapterOptions } from './options.js';
import { surviveLostClients } from './pool-guard.js';
import { AdapterProcess } from './process.js';

/** What `new Server({ adapter })` takes. */
export interface AdapterFactory {
  /** `namespace`: of the application's own Socket.IO, whose copy and version may be another than ours. */
  (namespace: object): LogAdapter;
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
  const settings = settingsOf(connectionOf(pool), options);
  let shared: AdapterProcess | undefined;
  const process = (): AdapterProcess => {
    surviveLostClients(pool);
    return (shared ??= new AdapterProcess(settings));
  };

  // A `function`: Socket.IO calls it with `new`.
  function adapter(namespace: object): LogAdapter {
    const own = process();
    return new LogAdapter(namespace as Namespace, own, {
      onLastClosed: () => {
        if (shared === own) shared = undefined;
      },
    });
  }
  return Object.assign(adapter, {
    ready: () => process().ready(),
  });
}
