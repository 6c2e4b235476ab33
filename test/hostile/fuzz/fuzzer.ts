/**
 * Talks to a server in every wrong way the grammar knows, over real sockets, and watches it: it must stay up, let go
 * of every client that is done, keep its memory, and serve honest clients exactly.
 */
import { eventually, Honest, metric } from '../observe.js';
import type { ServerProcess } from '../process.js';
import { dial, frame, upgrade, type Wire } from '../wire.js';
import { frames, packet, rawMessage, type Known } from './grammar.js';
import { Random } from './random.js';
import * as requests from './requests.js';

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

/** Says things by hand, cut anywhere, as networks do; some are gone after so many bytes. */
class Speaker {
  private left: number;

  constructor(
    private readonly wire: Wire,
    private readonly random: Random,
  ) {
    this.left = random.chance(0.15) ? random.integer(0, 1200) : Number.POSITIVE_INFINITY;
  }

  get gone(): boolean {
    return this.left <= 0;
  }

  say(bytes: Buffer | string): void {
    if (this.gone) return;
    const whole = Buffer.from(bytes as string).subarray(0, this.left);
    this.left -= bytes.length;
    const cut = this.random.chance(0.2) ? this.random.integer(0, whole.length) : whole.length;
    this.wire.send(whole.subarray(0, cut));
    this.wire.send(whole.subarray(cut));
    if (this.gone) this.wire.reset();
  }

  talk(message: () => string): void {
    for (const each of frames(this.random, message)) this.say(each);
  }
}

/** One client, from its first byte to its last. */
async function play(server: ServerProcess, random: Random, known: Known): Promise<void> {
  const kind = random.integer(0, 7);
  if (kind === 7) return poll(server, random, known);
  const session = kind >= 5 ? await openSession(server, random, known) : '';
  const wire = await dial(server);
  const speaker = new Speaker(wire, random);
  const compressed: Record<string, string> = random.chance(0.3)
    ? { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    : {};
  switch (kind) {
    case 0:
      speaker.say(requests.request(random, known));
      break;
    case 1:
      speaker.say(requests.request(random, known));
      speaker.talk(() => rawMessage(random, known));
      break;
    case 2:
    case 3:
      speaker.say(
        upgrade(`/?token=${known.token}${random.chance(0.3) ? `&since=${known.cursor}` : ''}`, compressed),
      );
      if (random.chance(0.7)) await settled(wire, '"connected"');
      speaker.talk(() => rawMessage(random, known));
      break;
    case 4:
      speaker.say(upgrade('/socket.io/?EIO=4&transport=websocket', compressed));
      if (random.chance(0.8)) speaker.say(frame(`40{"token":"${known.token}"}`));
      if (random.chance(0.6)) await settled(wire, '"connected"');
      speaker.talk(() => packet(random, known));
      break;
    case 5:
      // A polling client that changes over, rightly or not.
      speaker.say(upgrade(session.replace('polling', 'websocket'), compressed));
      if (random.chance(0.8)) speaker.say(frame('2probe'));
      if (random.chance(0.5)) await settled(wire, '3probe');
      if (random.chance(0.7)) speaker.say(frame('5'));
      speaker.talk(() => packet(random, known));
      break;
    default:
      // Polls by hand, one after the other on one connection or all at once.
      for (let turn = random.integer(1, 4); turn > 0; turn--) {
        const body = random.times(4, () => packet(random, known)).join('\x1e');
        speaker.say(requests.poll(random, session, body));
        if (random.chance(0.3)) await settled(wire, 'HTTP/1.1');
      }
  }
  if (speaker.gone) return;
  if (random.chance(0.2)) return wire.reset();
  // Done: a client that has finished is let go of, whatever it has said.
  wire.send(frame('', { first: 0x88 }));
  wire.socket.end();
  await ended(wire);
}

/** The path of a polling session, let in mostly. */
async function openSession(server: ServerProcess, random: Random, known: Known): Promise<string> {
  const path = '/socket.io/?EIO=4&transport=polling';
  const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(server.url + path)).text())?.[1] ?? '';
  const session = `${path}&sid=${sid}`;
  if (random.chance(0.8)) {
    const body = `40{"token":"${known.token}"}`;
    await fetch(server.url + session, { method: 'POST', body })
      .then((answer) => answer.text())
      .catch(() => '');
  }
  return session;
}

async function poll(server: ServerProcess, random: Random, known: Known): Promise<void> {
  const session = server.url + (await openSession(server, random, known));
  const post = async (body: string) => (await fetch(session, { method: 'POST', body })).text();
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
