import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { shrinkListeners } from '../../../src/transports/listeners.js';

it('changes nothing of what an emitter does', () => {
  let state = 11;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  const names: (string | symbol)[] = ['a', 'b', Symbol('c')];
  const makes = [() => new EventEmitter(), () => new Socket() as EventEmitter];
  for (const make of makes) {
    const [shrunk, plain] = [make(), make()];
    const heard = { shrunk: [] as number[], plain: [] as number[] };
    const listeners = Array.from({ length: 4 }, (_, n) => ({
      shrunk: () => heard.shrunk.push(n),
      plain: () => heard.plain.push(n),
    }));
    for (let step = 0; step < 2000; step++) {
      const name = names[random(names.length)] as string;
      const listener = listeners[random(listeners.length)];
      if (!listener) continue;
      const what =
        (['on', 'once', 'prependListener', 'off', 'off', 'emit', 'emit'] as const)[random(7)] ?? 'emit';
      if (what === 'emit') expect(shrunk.emit(name)).toBe(plain.emit(name));
      else {
        if (what !== 'off' && plain.listenerCount(name) > 5) {
          plain.removeAllListeners(name);
          shrunk.removeAllListeners(name);
        }
        shrunk[what](name, listener.shrunk);
        plain[what](name, listener.plain);
      }
      if (random(5) === 0) shrinkListeners(shrunk);
      expect(heard.shrunk).toEqual(heard.plain);
      expect(shrunk.listenerCount(name)).toBe(plain.listenerCount(name));
      expect(new Set(shrunk.eventNames())).toEqual(new Set(plain.eventNames()));
    }
  }
});

it('leaves alone what it does not know', () => {
  const emitter = new EventEmitter().on('a', () => undefined);
  for (const inside of [undefined, new Map(), { a: 1 }, Object.assign(Object.create(null), { a: 'text' })]) {
    Object.assign(emitter, { _events: inside });
    shrinkListeners(emitter);
    expect(emitter).toHaveProperty('_events', inside);
  }
});

it('may be done while a list is walked', () => {
  const emitter = new EventEmitter();
  const heard: string[] = [];
  const second = () => heard.push('second');
  emitter.on('a', () => {
    heard.push('first');
    shrinkListeners(emitter);
    emitter.off('a', second);
  });
  emitter.on('a', second).on('a', () => heard.push('third'));
  for (let turn = 0; turn < 2; turn++) emitter.emit('a');
  expect(heard).toEqual(['first', 'second', 'third', 'first', 'third']);
});
