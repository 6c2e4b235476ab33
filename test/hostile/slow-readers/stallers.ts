/** A process of clients that are let in and then read nothing any more; told what to do by messages of its parent. */
import { rawWire, socketIoWire, frame, type Wire } from '../wire.js';

export interface Order {
  readonly url: string;
  readonly tokens: readonly string[];
  /** Whether a client that was cut off connects and stalls again. */
  readonly comeBack: boolean;
}

/** What the parent hears: how many were cut off so far, when they have stalled, and when they have left. */
export type Report = { readonly stalled: number } | { readonly left: true; readonly cutOff: number };

/** A socket that is not read learns of its end only by writing: an unasked pong, which harms nobody. */
const pokeMs = 1000;

let held: Wire[] = [];
let cutOff = 0;
let leaving = false;

async function stall({ url }: Order, token: string, at: number): Promise<Wire> {
  const wire = await (at % 2 === 0 ? rawWire({ url }, token) : socketIoWire({ url }, token));
  wire.socket.pause();
  held[at] = wire;
  return wire;
}

function watch(order: Order, token: string, at: number, wire: Wire): void {
  const poke = setInterval(() => wire.send(at % 2 === 0 ? frame('', { first: 0x8a }) : frame('3')), pokeMs);
  wire.socket.once('close', () => {
    clearInterval(poke);
    if (leaving) return;
    cutOff++;
    if (!order.comeBack) return;
    stall(order, token, at).then(
      (next) => watch(order, token, at, next),
      (_refused: unknown) => undefined,
    );
  });
}

async function follow(order: Order): Promise<void> {
  [held, cutOff, leaving] = [[], 0, false];
  for (let at = 0; at < order.tokens.length; at += 25) {
    const wave = order.tokens.slice(at, at + 25);
    const wires = await Promise.all(wave.map((token, of) => stall(order, token, at + of)));
    wires.forEach((wire, of) => watch(order, wave[of] ?? '', at + of, wire));
  }
  report({ stalled: order.tokens.length });
}

function report(what: Report): void {
  process.send?.(what);
}

process.on('message', (order: Order | 'leave') => {
  if (order !== 'leave') {
    void follow(order);
    return;
  }
  leaving = true;
  for (const wire of held) wire.reset();
  report({ left: true, cutOff });
});
process.on('disconnect', () => process.exit());
