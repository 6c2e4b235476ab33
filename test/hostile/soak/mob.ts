/** Hostile clients for as long as they are wanted: silent, slow, flooding, guessing, coming and going, and fuzzing. */
import type { ServerProcess } from '../process.js';
import { dial, frame, pollingSession, rawWire, socketIoWire, upgrade, type Wire } from '../wire.js';

/** Hands its connection over to be reset when the riot is over. */
type Deed = (server: ServerProcess, token: string, hold: (wire: Wire) => void) => Promise<void>;

/** Connects, and never says a word. */
const silent: Deed = async (server, _token, hold) => {
  const wire = await dial(server);
  hold(wire);
  await wire.over;
};

/** Is let in, and reads nothing any more, until it is cut off. */
const stalled: Deed = async (server, token, hold) => {
  const wire = await rawWire(server, token);
  hold(wire);
  wire.socket.pause();
  await new Promise<void>((resolve) => {
    // A socket that is paused sees its end only when it writes.
    const poke = setInterval(() => wire.send(frame('', { first: 0x8a })), 500);
    wire.socket.once('close', () => {
      clearInterval(poke);
      resolve();
    });
  });
};

const flooding: Deed = async (server, token, hold) => {
  const wire = await rawWire(server, token);
  hold(wire);
  wire.send(Buffer.concat(Array.from({ length: 500 }, () => frame('{"type":"nothing"}'))));
  await wire.over;
};

const pinging: Deed = async (server, token, hold) => {
  const wire = await socketIoWire(server, token);
  hold(wire);
  wire.send(Buffer.concat(Array.from({ length: 500 }, () => frame('', { first: 0x89 }))));
  await wire.over;
};

const guessing: Deed = async (server, token, hold) => {
  const wire = await rawWire(server, token);
  hold(wire);
  const guesses = Array.from({ length: 40 }, (_, at) =>
    frame(JSON.stringify({ type: 'subscribe', data: { lobbyCode: `GUESS${at}` } })),
  );
  wire.send(Buffer.concat(guesses));
  await wire.seen('SUBSCRIBE_DENIED');
  wire.reset();
};

const leaving: Deed = async (server, token, hold) => {
  const wire = await dial(server);
  hold(wire);
  wire.send(upgrade(`/?token=${token}`));
  await wire.seen('101 Switching');
  wire.reset();
};

/** Is let in by polling, says what is no packet, and never polls again. */
const unpolled: Deed = async (server, token) => {
  const session = await pollingSession(server, token);
  const packets = ['420["nothing"]', '452-["subscribe",{"_placeholder":true,"num":0}]', 'bAAAA'];
  await (await fetch(session, { method: 'POST', body: packets.join('\x1e') })).text();
};

const deeds: readonly Deed[] = [silent, stalled, flooding, pinging, guessing, leaving, unpolled];

/** Runs until `until` resolves to true; returns how many deeds were done. */
export async function riot(server: ServerProcess, clients: number, over: () => boolean): Promise<number> {
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      const token = await server.token(`hostile-${index}`);
      for (let turn = index; !over(); turn++) {
        const deed = deeds[turn % deeds.length] ?? silent;
        let held: Wire | undefined;
        const ends = deed(server, token, (wire) => {
          held = wire;
          if (over()) wire.reset();
        }).catch(() => undefined);
        await Promise.race([ends, whenOver(over)]);
        if (over()) held?.reset();
        done++;
      }
    }),
  );
  return done;
}

async function whenOver(over: () => boolean): Promise<void> {
  while (!over()) await new Promise((resolve) => setTimeout(resolve, 250));
}
