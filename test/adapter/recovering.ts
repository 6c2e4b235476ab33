/** Two nodes with connection state recovery, and for each test a client of the first that has an offset to show. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { joinAs, startNodes, type Client, type Node, type NodeOptions } from './support.js';

export interface RecoveringPair {
  readonly database: TestDatabase;
  readonly nodes: readonly [Node, Node];
  readonly client: Client;
}

// On a slow machine too everything goes through the log.
export const recovering: NodeOptions = {
  server: { connectionStateRecovery: {} },
  adapter: { localDeliveryMs: 20_000 },
};

/** Starts and stops them around the tests of the file that calls it, and hands them over before each. */
export function withRecoveringPair(use: (pair: RecoveringPair) => void): void {
  let database: TestDatabase;
  let nodes: [Node, Node];
  let client: Client;

  beforeAll(async () => {
    database = await createDatabase();
    nodes = (await startNodes(database.url, 2, recovering)) as typeof nodes;
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
    await database.drop();
  });
  beforeEach(async () => {
    client = await joinAs(nodes[0].url, { reconnection: false });
    // The client has an offset to show once it has received something.
    nodes[0].io.to(client.socket.id ?? '').emit('welcome');
    await client.until('welcome');
    use({ database, nodes, client });
  });
  afterEach(() => {
    client.socket.disconnect();
    for (const { io } of nodes) io.removeAllListeners('connection');
  });
}
