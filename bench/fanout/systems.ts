/** What is compared: the product for both kinds of client, and its peers, behind one interface. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createAuth } from '../../src/auth/index.js';
import { loadConfig } from '../../src/config.js';
import { Load, pin, startNode } from './processes.js';
import type { Protocol } from './load.js';
import { type Shape } from './shape.js';

export const serverCore = 0;
export const loadCore = 1;

export interface System {
  readonly name: string;
  readonly pid: number;
  readonly load: Load;
  /** Makes `times` events for everyone due at once. */
  everyone(times: number): Promise<void>;
  /** Makes one event due in each room. */
  rooms?(): Promise<void>;
  stop(): Promise<void>;
}

const player = (n: number) => `player-${n}`;

/** The whole product: its own process, tokens, log and all, on a database of its own. */
export async function product(protocol: Protocol, adminUrl: string, shape: Shape): Promise<System> {
  const name = `bench_${protocol}_${Date.now()}`;
  const admin = new pg.Client(adminUrl);
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-bench-'));
  const env = {
    DATABASE_URL: url.href,
    PORT: '0',
    HASHI_DATA_DIR: dataDir,
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: '50000',
    HASHI_MAX_UNSENT_BYTES: String(64 << 20),
    LOG_LEVEL: 'error',
    NODE_ENV: 'development',
  };
  const child = startNode(
    serverCore,
    [...(process.env['BENCH_NODE_ARGS']?.split(' ') ?? []), 'dist/cli/main.js', 'serve'],
    env,
  );
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const match = /http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
      if (match) resolve(Number(match[1]));
    });
    child.once('exit', (code) =>
      reject(new Error(`the server ended with ${code}: run "npm run build" first`)),
    );
  });
  const db = new pg.Client(url.href);
  // The database is stopped under it when another part fails: that part's error is the one to see.
  db.on('error', () => undefined);
  await db.connect();
  if (shape.rooms.length > 0) {
    await db.query(`insert into lobbies (code) select 'room-' || n from generate_series(0, $1::int - 1) n`, [
      shape.rooms.length,
    ]);
    await db.query(`insert into contracts (lobby_id) select id from lobbies`);
    const pairs = shape.rooms.flatMap((members, room) =>
      members.map((member) => [`room-${room}`, player(member)] as const),
    );
    await db.query(
      `insert into lobby_participants (lobby_id, player_id)
       select l.id, p.player from unnest($1::text[], $2::text[]) p (code, player) join lobbies l on l.code = p.code`,
      [pairs.map(([code]) => code), pairs.map(([, who]) => who)],
    );
  }
  const auth = await createAuth(loadConfig({ HASHI_DATA_DIR: dataDir }).config);
  const { mint } = auth;
  if (!mint) throw new Error('the benchmark needs development mode: unset the keys');
  const tokens = await Promise.all(
    Array.from({ length: shape.clients }, (_, n) => mint({ playerId: player(n) })),
  );
  const load = new Load(loadCore, false);
  await load.connect(port, protocol, tokens);
  return {
    name: protocol === 'raw' ? 'hashi-socket, raw' : 'hashi-socket, Socket.IO',
    pid: child.pid ?? 0,
    load,
    async everyone(times) {
      await db.query(
        'insert into contracts (stake_amount) select 1000000000000000000 from generate_series(1, $1)',
        [times],
      );
    },
    async rooms() {
      await db.query(
        `insert into storage (contract_id, player_id, kind, url) select id, 'p', 'external_url', 'https://files.example.com/1' from contracts where lobby_id is not null`,
      );
    },
    async stop() {
      await load.stop();
      await db.end();
      child.kill('SIGTERM');
      await once(child, 'exit');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A peer in Node, told by messages to send; `data` is what the product would send. */
export async function peer(kind: 'stock' | 'ws', data: unknown, shape: Shape): Promise<System> {
  const child = startNode(serverCore, ['--import', 'tsx', `bench/fanout/peers/${kind}.ts`], {
    BENCH_SHAPE: JSON.stringify([shape.clients, shape.rooms.length, shape.rooms[0]?.length ?? 0]),
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const load = new Load(loadCore, kind === 'stock');
  await load.connect(
    port,
    kind === 'stock' ? 'socketio' : 'raw',
    Array.from({ length: shape.clients }, () => 'none'),
  );
  const send = (message: object) =>
    new Promise<void>((resolve) => child.send({ data, ...message }, () => resolve()));
  return {
    name: kind === 'stock' ? 'stock Socket.IO' : 'ws, send() to each',
    pid: child.pid ?? 0,
    load,
    everyone: (times) => send({ times }),
    rooms: () => send({ times: 1, rooms: shape.rooms.map((_, room) => `room-${room}`) }),
    async stop() {
      await load.stop();
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** The kernel's part: a C program that writes a framed buffer to every socket. Null where there is no compiler. */
export async function floor(bytes: number, joined: boolean, shape: Shape): Promise<System | null> {
  const folder = await mkdtemp(join(tmpdir(), 'hashi-floor-'));
  const program = join(folder, 'floor');
  try {
    execFileSync('cc', ['-O2', '-o', program, 'bench/fanout/peers/floor.c']);
  } catch {
    return null;
  }
  const portFile = join(folder, 'port');
  const child = spawn('taskset', ['-c', String(serverCore), program, portFile, String(bytes)], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  while (!existsSync(portFile) || readFileSync(portFile, 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 20));
  const load = new Load(loadCore, false);
  await load.connect(
    Number(readFileSync(portFile, 'utf8')),
    'raw',
    Array.from({ length: shape.clients }, () => 'none'),
  );
  return {
    name: joined ? 'floor, one write a socket' : 'floor, one write an event and socket',
    pid: child.pid ?? 0,
    load,
    async everyone(times) {
      child.stdin.write(`${times} ${joined ? 1 : 0}\n`);
    },
    async stop() {
      await load.stop();
      child.kill();
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export { pin };
