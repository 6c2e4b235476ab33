/**
 * Players join and leave lobbies, subscribe and unsubscribe, connect and go, while events are written; afterwards every
 * delivery is compared with the order of the log.
 */
import type { Pool } from 'pg';
import { parseCursor } from '../../../src/log/position.js';
import { ioClient, rawClient, type Message, type TestClient } from '../../support/clients.js';
import type { TestServer } from '../../support/server.js';
import { expectedOf, readLog } from '../chaos/log.js';
import { randomOf } from '../chaos/random.js';
import { watchVitals, type Vitals } from '../support/vitals.js';

export interface ChurnOptions {
  readonly pool: Pool;
  readonly server: Pick<TestServer, 'url' | 'wsUrl' | 'token'>;
  /** How many joins, leaves, subscribes and unsubscribes there are to be, at least. */
  readonly changes: number;
  readonly seed: number;
}

/** Settings of the server: all come from one address, and subscribers ask as fast as they can. */
export const churnSettings = {
  HASHI_MAX_CONNECTIONS_PER_PLAYER: '1000',
  HASHI_MESSAGES_PER_SECOND: '10000',
  HASHI_MESSAGE_BURST: '10000',
};

export interface ChurnReport {
  readonly joins: number;
  readonly leaves: number;
  readonly subscribes: number;
  readonly unsubscribes: number;
  /** Connections that came and went meanwhile. */
  readonly visits: number;
  readonly deliveries: number;
  /** Told what was not for them: of a lobby they had left or not joined yet, or were not subscribed to. */
  readonly unauthorised: number;
  /** Not told what was for them. */
  readonly missing: number;
  /** Twice, or not in the order of the log. */
  readonly disorder: number;
  /** Greeted with other lobbies than those the log gives them at that place. */
  readonly misgreeted: number;
  /** Of clients that stay meanwhile. */
  readonly vitals: Vitals;
}

/** A connection, and what it was told. */
interface Visit {
  readonly player: string;
  readonly connected: Message;
  readonly messages: readonly Message[];
  /** Open until the end: nothing may be missing. */
  readonly stayed: boolean;
}

/** One subscription: the seqs seen last before it, first within, and last within. */
interface Span {
  readonly from: number;
  readonly to: number;
}

interface Watcher {
  readonly messages: readonly Message[];
  readonly spans: readonly Span[];
}

const players = ['ann', 'bob', 'cyd', 'dan'];
const writers = 4;

const seqOf = (id: string | undefined) => parseCursor(id ?? '')?.seq ?? -1;
const isEvent = ({ type }: Message) => type.endsWith(':event');

export async function runChurn({ pool, server, changes, seed }: ChurnOptions): Promise<ChurnReport> {
  const count = { joins: 0, leaves: 0, subscribes: 0, unsubscribes: 0 };
  const enough = () => count.joins + count.leaves + count.subscribes + count.unsubscribes >= changes;
  const lobby = async (code: string, visibility: string) => {
    const { rows } = await pool.query<{ id: string; contract: string }>(
      `with l as (insert into lobbies (code, visibility) values ($1, $2) returning id)
       insert into contracts (lobby_id) select id from l returning lobby_id as id, id as contract`,
      [code, visibility],
    );
    return rows[0] as { id: string; contract: string };
  };
  const own = [await lobby(`ONE${seed}`, 'private'), await lobby(`TWO${seed}`, 'private')];
  const open = await lobby(`OPEN${seed}`, 'public');
  const file = (contract: string) =>
    pool.query(`insert into storage (contract_id, player_id, kind) values ($1, 'x', 'external_url')`, [
      contract,
    ]);
  const announce = async () => {
    const { rows } = await pool.query<{ id: string }>('insert into contracts default values returning id');
    return rows[0]?.id ?? '';
  };

  const write = async (random: ReturnType<typeof randomOf>) => {
    while (!enough()) {
      const { id, contract } = random.pick(own);
      const player = random.pick(players);
      const draw = random.next();
      if (draw < 0.2) await file(contract);
      else if (draw < 0.35) await file(open.contract);
      // Everyone gets these: they show a subscriber where in the log it is.
      else if (draw < 0.45) await announce();
      else if (draw < 0.75) {
        const done = await pool.query(
          'insert into lobby_participants (lobby_id, player_id) values ($1, $2) on conflict do nothing',
          [id, player],
        );
        count.joins += done.rowCount ?? 0;
      } else {
        const done = await pool.query(
          'delete from lobby_participants where lobby_id = $1 and player_id = $2',
          [id, player],
        );
        count.leaves += done.rowCount ?? 0;
      }
    }
  };

  const visits: Visit[] = [];
  const enter = async (client: TestClient, player: string, stayed: boolean) => {
    visits.push({ player, connected: await client.next('connected'), messages: client.messages, stayed });
    return client;
  };
  const tokens = new Map(
    await Promise.all(players.map(async (one) => [one, await server.token(one)] as const)),
  );
  const raw = (player: string) => rawClient(server, tokens.get(player), { resume: '1' });
  const io = (player: string) => ioClient(server, tokens.get(player));
  const steady = await Promise.all(
    players.flatMap((player) => [enter(raw(player), player, true), enter(io(player), player, true)]),
  );
  /** Comes, stays for some of what its player is told, and goes. */
  const visit = async (player: string, random: ReturnType<typeof randomOf>, clock: TestClient) => {
    while (!enough()) {
      const client = await enter(random.next() < 0.7 ? raw(player) : io(player), player, false);
      for (let heard = random.below(6); heard > 0 && !enough(); heard--) await clock.next();
      client.close();
    }
    clock.close();
  };

  const watch = async (number: number): Promise<Watcher> => {
    const token = await server.token(`watcher-${number}`);
    const client = rawClient(server, token, { resume: '1' });
    await client.next('connected');
    const spans: Span[] = [];
    for (let round = 0; !enough(); round++) {
      client.send({ type: 'subscribe', id: `s${round}`, data: { lobbyId: open.id } });
      const answer = await client.next(({ type, data }) => data.id === `s${round}` || type === 'error');
      if (answer.type !== 'ack') throw new Error(`a subscription was refused: ${JSON.stringify(answer)}`);
      count.subscribes++;
      const from = seqOf((await client.next('contract.created')).id);
      const to = seqOf((await client.next('contract.created')).id);
      spans.push({ from, to });
      client.send({ type: 'unsubscribe', id: `u${round}`, data: { lobbyId: open.id } });
      await client.next(({ data }) => data.id === `u${round}`);
      count.unsubscribes++;
    }
    client.close();
    return { messages: client.messages, spans };
  };

  const vitals = await watchVitals(server, await server.token('vitals'));
  // The messages that a subscriber waits for go on until it is done.
  let watching = true;
  const clock = (async () => {
    while (watching) {
      await announce();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const watched = Promise.all([1, 2, 3, 4].map(watch));
  await Promise.all([
    ...Array.from({ length: writers }, (_, at) => write(randomOf(seed * 100 + at))),
    ...players.map((player, at) => visit(player, randomOf(seed * 100 + 50 + at), raw(player))),
    watched,
  ]);
  watching = false;
  await clock;
  const end = await announce();
  await Promise.all(steady.map((client) => client.next(({ data }) => data?.contractId === end)));
  for (const client of steady) client.close();

  // Comparing keeps this process busy, and the server with it, where that is in it.
  const seen = await vitals.seen();
  const compared = await compare(pool, visits, await watched, `lobby:${open.id}`);
  return { ...count, ...compared, vitals: seen };
}

async function compare(
  pool: Pool,
  visits: readonly Visit[],
  watchers: readonly Watcher[],
  openRoom: string,
): Promise<Omit<ChurnReport, 'joins' | 'leaves' | 'subscribes' | 'unsubscribes' | 'vitals'>> {
  const log = await readLog(pool);
  const verdict = { deliveries: 0, unauthorised: 0, missing: 0, disorder: 0, misgreeted: 0 };
  for (const { player, connected, messages, stayed } of visits) {
    const from = seqOf(connected.data.cursor as string);
    const inside = new Set<string>();
    for (const { seq, effect, member, room } of log) {
      if (seq > from || member !== player || room === null) continue;
      if (effect === 'join') inside.add(room);
      else if (effect === 'leave') inside.delete(room);
    }
    const greeted = connected.data.lobbies.map(({ lobbyId }: { lobbyId: string }) => `lobby:${lobbyId}`);
    if ([...greeted].sort().join() !== [...inside].sort().join()) verdict.misgreeted++;
    const told = messages.filter(isEvent).map(({ id }) => seqOf(id));
    const expected = expectedOf(log, player, from, inside).map(({ seq }) => seq);
    // A visit ends somewhere in the middle.
    const last = stayed ? Number.POSITIVE_INFINITY : (told.at(-1) ?? from);
    verdict.deliveries += told.length;
    tally(verdict, told, new Set(expected.filter((seq) => seq <= last)));
  }

  const inOpen = log.filter(({ room, data }) => room === openRoom && data !== null).map(({ seq }) => seq);
  const ofOpen = new Set(inOpen);
  for (const { messages, spans } of watchers) {
    let subscribed = false;
    const told = new Set<number>();
    for (const message of messages) {
      const id: unknown = message.data?.id;
      if (message.type === 'ack' && typeof id === 'string') subscribed = id.startsWith('s');
      if (!isEvent(message)) continue;
      verdict.deliveries++;
      const seq = seqOf(message.id);
      if (!ofOpen.has(seq)) continue;
      if (!subscribed) verdict.unauthorised++;
      if (told.has(seq)) verdict.disorder++;
      told.add(seq);
    }
    for (const { from, to } of spans) {
      verdict.missing += inOpen.filter((seq) => seq > from && seq < to && !told.has(seq)).length;
    }
  }
  return { visits: visits.filter(({ stayed }) => !stayed).length, ...verdict };
}

function tally(
  verdict: { unauthorised: number; missing: number; disorder: number },
  told: readonly number[],
  expected: ReadonlySet<number>,
): void {
  const seen = new Set<number>();
  let before = -1;
  for (const seq of told) {
    if (!expected.has(seq)) verdict.unauthorised++;
    if (seen.has(seq) || seq < before) verdict.disorder++;
    seen.add(seq);
    before = seq;
  }
  for (const seq of expected) if (!seen.has(seq)) verdict.missing++;
}
