/** All clients of an instance lose it at once and come back to another one, while writers write. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Pool } from 'pg';
import { connectClient, createPool } from '../../../src/database/client.js';
import { metric } from '../../hostile/observe.js';
import { createFleet } from '../../support/instances.js';
import { watchVitals, type Vitals } from '../support/vitals.js';
import type { Account, FromCrowd, Guest, ToCrowd } from './crowd.js';

export interface StormOptions {
  readonly databaseUrl: string;
  readonly clients: number;
  /** Processes that the clients are spread over. */
  readonly processes: number;
  /** How the instance goes: killed, or told to and drained. */
  readonly how: 'SIGKILL' | 'SIGTERM';
  readonly drainMs?: number;
  readonly say?: (line: string) => void;
}

export interface StormReport {
  /** From the end of the instance, or its being told to end, until all were live again. */
  readonly seconds: number;
  /** The most connections all instances held to the database, and how many of them were at work. */
  readonly connections: number;
  readonly active: number;
  /** What the instance they came to used of a processor meanwhile, in seconds. */
  readonly serverSeconds: number;
  readonly events: number;
  /** Clients that were not told exactly what they should have been. */
  readonly wrong: readonly string[];
  /** Of clients that were at the other instance from the start. */
  readonly vitals: Vitals;
}

const lobbySize = 10;
/** Every so many events one goes to everybody. */
const globalEvery = 20;
const eventsPerSecond = 40;

class Crowd {
  private constructor(private readonly child: ChildProcess) {}

  static async start(): Promise<Crowd> {
    const child = fork(fileURLToPath(new URL('crowd.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
    });
    const crowd = new Crowd(child);
    await crowd.heard('ready');
    return crowd;
  }

  /** Sends and waits for the answer. */
  async ask<Is extends FromCrowd['is']>(message: ToCrowd, answer: Is): Promise<FromCrowd & { is: Is }> {
    const heard = this.heard(answer);
    this.child.send(message);
    return heard;
  }

  private heard<Is extends FromCrowd['is']>(is: Is): Promise<FromCrowd & { is: Is }> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`a crowd ended: ${String(code)}`));
      this.child.once('exit', onExit);
      this.child.on('message', (message: FromCrowd) => {
        if (message.is !== is) return;
        this.child.off('exit', onExit);
        resolve(message as FromCrowd & { is: Is });
      });
    });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }
}

/** Writes until told to stop, and knows how many events each lobby's members were due. */
class Writer {
  readonly ofLobby = new Map<string, number>();
  global = 0;
  private running: Promise<void> | undefined;
  private writing = true;

  constructor(
    private readonly pool: Pool,
    private readonly contracts: readonly { id: string; lobby: string }[],
  ) {}

  start(): void {
    this.running = this.write();
  }

  private async write(): Promise<void> {
    for (let turn = 0; this.writing; turn++) {
      if (turn % globalEvery === 0) await this.announce();
      const { id, lobby } = this.contracts[turn % this.contracts.length] ?? { id: '', lobby: '' };
      await this.pool.query(
        `insert into storage (contract_id, player_id, kind) values ($1, 'x', 'external_url')`,
        [id],
      );
      this.ofLobby.set(lobby, (this.ofLobby.get(lobby) ?? 0) + 1);
      await sleep(1000 / eventsPerSecond);
    }
  }

  async announce(): Promise<string> {
    const { rows } = await this.pool.query<{ id: string }>(
      'insert into contracts default values returning id',
    );
    this.global++;
    return rows[0]?.id ?? '';
  }

  async stop(): Promise<void> {
    this.writing = false;
    await this.running;
  }
}

/** Looks at the connections of all instances as often as it can. */
async function watchConnections(url: string) {
  const client = await connectClient({ url, applicationName: 'storm' });
  let connections = 0;
  let active = 0;
  let watching = true;
  const running = (async () => {
    while (watching) {
      const { rows } = await client.query<{ open: number; active: number }>(
        `select count(*)::int as open, count(*) filter (where state <> 'idle')::int as active from pg_stat_activity
         where datname = current_database() and application_name like 'hashi-socket%'`,
      );
      connections = Math.max(connections, rows[0]?.open ?? 0);
      active = Math.max(active, rows[0]?.active ?? 0);
      await sleep(20);
    }
    await client.end();
  })();
  return async () => {
    watching = false;
    await running;
    return { connections, active };
  };
}

export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { databaseUrl, clients, processes, how, say = () => undefined } = options;
  const fleet = await createFleet(databaseUrl, {
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(clients * 2),
    HASHI_DRAIN_MS: String(options.drainMs ?? 2000),
    LOG_LEVEL: 'warn',
  });
  const pool = createPool({ url: databaseUrl, applicationName: 'storm', max: 2 });
  const crowds: Crowd[] = [];
  try {
    const [going, staying] = [await fleet.start(), await fleet.start()];
    const players = Array.from({ length: clients }, (_, at) => `player-${at}`);
    const { rows: contracts } = await pool.query<{ id: string; lobby: string }>(
      `with l as (insert into lobbies (code) select 'S' || g from generate_series(0, $1::int) g returning id, code)
       insert into contracts (lobby_id) select id from l returning id, lobby_id as lobby`,
      [Math.ceil(clients / lobbySize) - 1],
    );
    await pool.query(
      `insert into lobby_participants (lobby_id, player_id)
       select l, p from unnest($1::uuid[], $2::text[]) m (l, p)`,
      [players.map((_, at) => contracts[at % contracts.length]?.lobby), players],
    );
    const lobbyOf = new Map(
      players.map((player, at) => [player, contracts[at % contracts.length]?.lobby ?? '']),
    );
    const guests: Guest[] = [];
    for (const [at, player] of players.entries()) {
      guests.push({ player, token: await fleet.token(player), kind: at % 2 ? 'raw' : 'socketio' });
    }
    for (let at = 0; at < processes; at++) crowds.push(await Crowd.start());
    const share = (at: number) => guests.filter((_, index) => index % processes === at);
    await Promise.all(
      crowds.map((crowd, at) => crowd.ask({ is: 'connect', url: going.url, guests: share(at) }, 'connected')),
    );
    say(`${clients} clients connected`);

    const writer = new Writer(pool, contracts);
    writer.start();
    await sleep(1000);
    const watched = await watchConnections(databaseUrl);
    const vital = await watchVitals(staying, await fleet.token('vitals'));
    const cpu = await metric(staying, 'process_cpu_seconds_total');
    const began = performance.now();
    const back = Promise.all(crowds.map((crowd) => crowd.ask({ is: 'move', url: staying.url }, 'back')));
    await Promise.all([going.kill(how), back]);
    const seconds = (performance.now() - began) / 1000;
    const serverSeconds = (await metric(staying, 'process_cpu_seconds_total')) - cpu;
    say(
      `all are back after ${seconds.toFixed(1)} s, ${serverSeconds.toFixed(1)} s of a processor for the server`,
    );
    const { connections, active } = await watched();
    const vitals = await vital.seen();
    await writer.stop();
    const contractId = await writer.announce();
    const settled = await Promise.all(
      crowds.map((crowd) => crowd.ask({ is: 'settle', contractId }, 'settled')),
    );
    const wrong = settled
      .flatMap(({ accounts }) => accounts)
      .flatMap((account) =>
        faultsOf(account, writer.global + (writer.ofLobby.get(lobbyOf.get(account.player) ?? '') ?? 0)),
      );
    const returns = settled
      .flatMap(({ accounts }) => accounts)
      .reduce((sum, account) => sum + account.returns, 0);
    say(`${returns} times a client came back`);
    const events = writer.global + [...writer.ofLobby.values()].reduce((sum, count) => sum + count, 0);
    return { seconds, connections, active, serverSeconds, events, wrong, vitals };
  } finally {
    await Promise.all(crowds.map((crowd) => crowd.stop()));
    await fleet.stop();
    await pool.end();
  }
}

function faultsOf(
  { player, kind, told, ordered, returns, recovered, errors }: Account,
  due: number,
): string[] {
  const unexpected = errors.filter((code) => code !== 'SERVER_RESTARTING');
  return [
    told !== due && `was told ${told} of ${due}`,
    !ordered && 'was told out of order or twice',
    recovered < returns && `came back ${returns} times, and ${recovered} times with its place`,
    unexpected.length > 0 && `was told ${unexpected.join(', ')}`,
  ].flatMap((fault) => (fault === false ? [] : [`${player} (${kind}) ${fault}`]));
}
