import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepPassing } from '../../../src/protocol/frame-memory.js';
import { Batch } from '../../../src/routing/batch.js';
import { message } from './fakes.js';

describe('Batch', () => {
  it('is one and the same for all who are due the same', () => {
    const [a, b] = [message('1'), message('2')];
    const empty = Batch.empty();
    const one = empty.with(a).with(b);
    const other = empty.with(a).with(b);
    expect(other).toBe(one);
    expect(one.frames('raw')).toBe(other.frames('raw'));
  });

  it('parts where messages differ', () => {
    const [a, b, c] = [message('1'), message('2'), message('3')];
    const empty = Batch.empty();
    const all = empty.with(a).with(b);
    const some = empty.with(a).with(c);
    expect(all.messages()).toEqual([a, b]);
    expect(some.messages()).toEqual([a, c]);
    expect(empty.with(b).messages()).toEqual([b]);
  });

  it('is a message’s own frame when it holds one', () => {
    const a = message('1');
    expect(Batch.empty().with(a).frames('socketio')).toBe(a.frame('socketio'));
  });

  it('is empty at first', () => {
    expect(Batch.empty().messages()).toEqual([]);
    expect(Batch.empty().frames('raw')).toHaveLength(0);
  });

  it('is joined once for those who share it, and in passing for one alone', () => {
    const [a, b] = [message('1'), message('2')];
    const both = Batch.empty().with(a).with(b);
    const own = Batch.empty().with(b).with(a);
    both.holders = 2;
    own.holders = 1;
    const shared = both.framesInPassing('raw');
    expect(both.framesInPassing('raw')).toBe(shared);
    expect(shared).toBe(both.frames('raw'));
    const expected = Buffer.concat([b.frame('raw'), a.frame('raw')]);
    const passing = own.framesInPassing('raw');
    expect(passing).toEqual(expected);
    keepPassing();
    expect(own.framesInPassing('socketio')).toEqual(
      Buffer.concat([b.frame('socketio'), a.frame('socketio')]),
    );
    expect(passing).toEqual(expected);
  });

  it('joins whatever each is due, in order, in every form', () => {
    const messages = Array.from({ length: 6 }, (_message, index) => message(String(index)));
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), { maxLength: 20 }),
        (wants) => {
          const empty = Batch.empty();
          const due = wants.map(() => empty);
          messages.forEach((each, index) => {
            wants.forEach((want, at) => {
              if (want[index]) due[at] = (due[at] ?? empty).with(each);
            });
          });
          wants.forEach((want, at) => {
            const expected = messages.filter((_each, index) => want[index]);
            expect(due[at]?.messages()).toEqual(expected);
            expect(due[at]?.count).toBe(expected.length);
            expect(due[at]?.frames('raw')).toEqual(Buffer.concat(expected.map((each) => each.frame('raw'))));
          });
        },
      ),
    );
  });
});
