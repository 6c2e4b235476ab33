/** The whole product as a system: its own process, tokens, rooms, log and all, on a database of its own. */
import WebSocket from 'ws';
import { Load } from '../load/group.js';
import type { Protocol } from '../load/messages.js';
import { connect, type Postgres } from '../support/databases.js';
import { startInstance, type Instance } from './instance.js';
import type { Shape } from './shape.js';
import { productName, type System } from './system.js';

export interface Product extends System {
  readonly databaseUrl: string;
  readonly instance: Instance;
}

const player = (n: number) => `player-${n}`;

export interface ProductOptions {
  /** Half of each with `mixed`. */
  readonly protocol: Protocol | 'mixed';
  readonly postgres: Postgres;
  readonly shape: Shape;
  readonly generators?: number;
}

export async function product({
  protocol,
  postgres,
  shape,
  generators = 1,
}: ProductOptions): Promise<Product> {
  const databaseUrl = await postgres.create(protocol);
  const instance = await startInstance({ databaseUrl });
  const database = await connect(databaseUrl);
  if (shape.rooms.length > 0) await fill(database, shape);
  const load = new Load(false, generators);
  const tokens = await instance.tokens(Array.from({ length: shape.clients }, (_, n) => player(n)));
  const half = protocol === 'mixed' ? Math.floor(tokens.length / 2) : protocol === 'raw' ? tokens.length : 0;
  if (half > 0) await load.connect(instance.port, 'raw', tokens.slice(0, half));
  if (half < tokens.length) await load.connect(instance.port, 'socketio', tokens.slice(half));
  return {
    name: productName(protocol),
    pid: instance.pid,
    load,
    databaseUrl,
    instance,
    async everyone(times) {
      await database.query({
        name: 'everyone',
        text: 'insert into contracts (stake_amount) select 1000000000000000000 from generate_series(1, $1)',
        values: [times],
      });
    },
    async rooms() {
      await database.query(
        `insert into storage (contract_id, player_id, kind, url)
         select id, 'p', 'external_url', 'https://files.example.com/1' from contracts where lobby_id is not null`,
      );
    },
    async stop() {
      await load.stop();
      await database.end();
      await instance.stop();
      await postgres.drop(databaseUrl);
    },
  };
}

/** Lobbies with a contract each, and their members. */
async function fill(database: Awaited<ReturnType<typeof connect>>, shape: Shape): Promise<void> {
  await database.query(
    `insert into lobbies (code) select 'room-' || n from generate_series(0, $1::int - 1) n`,
    [shape.rooms.length],
  );
  await database.query('insert into contracts (lobby_id) select id from lobbies');
  const pairs = shape.rooms.flatMap((members, room) =>
    members.map((member) => [`room-${room}`, player(member)] as const),
  );
  await database.query(
    `insert into lobby_participants (lobby_id, player_id)
     select l.id, p.player from unnest($1::text[], $2::text[]) p (code, player) join lobbies l on l.code = p.code`,
    [pairs.map(([code]) => code), pairs.map(([, who]) => who)],
  );
}

/** The data of a contract's event, as the product sends it: for the peers to send the same. */
export async function sampleOf(system: Product): Promise<object> {
  const [token = ''] = await system.instance.tokens(['sampler']);
  const { arrived } = await system.load.expect({ each: 1 });
  // Not before: what it is greeted with would come while nobody listens.
  const socket = new WebSocket(`ws://127.0.0.1:${system.instance.port}/?token=${token}`);
  const data = await new Promise<object>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (text: Buffer) => {
      const message = JSON.parse(text.toString('utf8'));
      if (message.type === 'connected') system.everyone(1).catch(reject);
      if (message.type === 'contract:event') resolve(message.data as object);
    });
  });
  socket.terminate();
  await arrived;
  return data;
}
