/**
 * Talks to a server in every wrong way the grammar knows, over real sockets, and watches it: it must stay up, let go
 * of every client that is done, keep its memory, and serve honest clients exactly.
 */
import { eventually, Honest, metric } from '../observe.js';
import type { ServerProcess } from '../process.js';
import { dial, frame, upgrade, type Wire } from '../wire.js';
import { frames, packet, rawMessage, request, type Known } from './grammar.js';
import { Random } from './random.js';

export interface FuzzOptions {
  readonly server: ServerProcess;
  readonly query: (sql: string, params?: unknown[]) => Promise<any[]>;
  readonly seed: number;
  readonly forMs: number;
  /** Told now and then how far it is. */
  readonly onProgress?: (cases: number) => void;
}

const workers = 24;
/** A server that has not let go of a client that is done within this time holds on to it. */
const letGoMs = 20_000;
/** How much the heap may have grown once all are gone, in bytes: caches and compiled code, no leak of a long run. */
const heapSlack = 48 << 20;

/** Returns how many clients there were. Throws, with the seed of the case, when something is wrong. */
export async function fuzz({ server, query, seed, forMs, onProgress }: FuzzOptions): Promise<number> {
  const [lobby] = await query(
    `insert into lobbies (code, visibility) values ($1, 'public') returning id, code`,
    [`FUZZ${seed}`],
  );
  const honest = await Honest.connect(server, { query });
  const greeting = honest.clients[0]?.messages.find(({ type }) => type === 'connected');
  const known: Known = {
    token: await server.token('fuzzer'),
    lobbyId: lobby?.id as string,
    lobbyCode: lobby?.code as string,
    cursor: greeting?.data.cursor as string,
  };
  let cases = 0;
  const until = performance.now() + forMs;
  const heap = () => metric(server, 'nodejs_heap_size_used_bytes');
  const oneCase = async (caseSeed: number) => {
    try {
      await play(server, new Random(caseSeed), known);
    } catch (error) {
      throw new Error(`case with seed ${caseSeed} of run ${seed}`, { cause: error });
    }
    cases++;
  };

  const watched = async (): Promise<void> => {
    // What is allocated once, by the first of a kind, is no leak.
    await Promise.all(Array.from({ length: 50 }, (_, warm) => oneCase(seed ^ (warm * 7919))));
    const before = await heap();
    let turn = 0;
    await Promise.all(
      Array.from({ length: workers }, async () => {
        while (performance.now() < until) await oneCase((Math.imul(seed, 65_599) + ++turn) >>> 0);
      }).concat(
        (async () => {
          while (performance.now() < until) {
            await honest.event();
            onProgress?.(cases);
          }
        })(),
      ),
    );
    await honest.event();
    const wrong = honest.streams().findIndex((s, at) => s.join() !== honest.expected()[at]?.join());
    if (wrong >= 0) throw new Error(`honest client ${wrong} did not get its stream exactly`);
    if (honest.errors().length > 0)
      throw new Error(`an honest client was told ${JSON.stringify(honest.errors())}`);
    await eventually(
      () => metric(server, 'hashi_connections'),
      (open) => open === honest.clients.length,
      letGoMs,
    );
    // The lowest of several looks: garbage comes and goes.
    await eventually(heap, (now) => now < before + heapSlack, 60_000);
    const complaints = server.complaints();
    if (complaints.length > 0) throw new Error(`the server complained: ${complaints.slice(0, 3).join('\n')}`);
  };

  try {
    await Promise.race([watched(), server.died]);
  } finally {
    honest.close();
  }
  return cases;
}

/** One client, from its first byte to its last. */
async function play(server: ServerProcess, random: Random, known: Known): Promise<void> {
  const wire = await dial(server);
  const say = (bytes: Buffer | string) => {
    const whole = Buffer.from(bytes as string);
    // Cut anywhere, as networks do.
    const cut = random.chance(0.2) ? random.integer(0, whole.length) : whole.length;
    wire.send(whole.subarray(0, cut));
    wire.send(whole.subarray(cut));
  };
  const talk = (message: () => string) => {
    for (const each of frames(random, message)) say(each);
  };
  switch (random.integer(0, 5)) {
    case 0:
      say(request(random, known));
      break;
    case 1:
      say(request(random, known));
      talk(() => rawMessage(random, known));
      break;
    case 2:
    case 3:
      say(upgrade(`/?token=${known.token}${random.chance(0.3) ? `&since=${known.cursor}` : ''}`));
      if (random.chance(0.7)) await settled(wire, '"connected"');
      talk(() => rawMessage(random, known));
      break;
    case 4:
      say(upgrade('/socket.io/?EIO=4&transport=websocket'));
      if (random.chance(0.8)) say(frame(`40{"token":"${known.token}"}`));
      if (random.chance(0.6)) await settled(wire, '"connected"');
      talk(() => packet(random, known));
      break;
    default:
      wire.reset();
      return poll(server, random, known);
  }
  if (random.chance(0.2)) return wire.reset();
  // Done: a client that has finished is let go of, whatever it has said.
  wire.send(frame('', { first: 0x88 }));
  wire.socket.end();
  await ended(wire);
}

async function poll(server: ServerProcess, random: Random, known: Known): Promise<void> {
  const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(base)).text())?.[1] ?? '';
  const session = `${base}&sid=${sid}`;
  const post = async (body: string) => (await fetch(session, { method: 'POST', body })).text();
  if (random.chance(0.8)) await post(`40{"token":"${known.token}"}`).catch(() => '');
  for (let turn = random.integer(1, 3); turn > 0; turn--) {
    const packets = Array.from({ length: random.integer(1, 8) }, () => packet(random, known));
    await post(packets.join(random.chance(0.9) ? '\x1e' : '')).catch(() => '');
    if (random.chance(0.3))
      void fetch(session)
        .then((answer) => answer.text())
        .catch(() => '');
  }
  await post('1').catch(() => '');
}

/** Resolves when it has been said, or will not be. */
async function settled(wire: Wire, part: string): Promise<void> {
  await Promise.race([wire.seen(part).catch(() => ''), wire.over]);
}

async function ended(wire: Wire): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new Error(`the server holds on to a client that is done; it had said ${wire.text().slice(0, 200)}`),
      );
    }, letGoMs);
  });
  try {
    await Promise.race([wire.over, late]);
  } finally {
    clearTimeout(timer);
    wire.socket.destroy();
  }
}
