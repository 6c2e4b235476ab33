import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cursorOf, markOf, parseCursor } from '../../../src/log/position.js';

describe('parseCursor()', () => {
  it('reads back what cursorOf wrote', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9a-f]{12}$/),
        fc.integer({ min: 0, max: 36 ** 10 - 1 }),
        fc.double({ min: 0, max: 8.64e15, noNaN: true }),
        (epoch, seq, at) => {
          expect(parseCursor(cursorOf(epoch, seq))).toEqual({ epoch, seq });
          expect(parseCursor(cursorOf(epoch, seq, at))).toEqual({ epoch, seq, mark: markOf(at) });
        },
      ),
    );
  });

  it('marks entries that were made a microsecond apart differently', () => {
    expect(markOf(1764000000123.456)).not.toBe(markOf(1764000000123.457));
  });

  it('takes anything and returns a position or null', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[0-9a-z-]{0,40}$/)), (text) => {
        const position = parseCursor(text);
        if (position) expect(Number.isSafeInteger(position.seq) && position.seq >= 0).toBe(true);
      }),
    );
  });

  it.each([
    '',
    '-',
    'abc',
    'abc-',
    '-1',
    'xyz-1',
    'ABC-1',
    'abc-1-',
    'abc-1-23456',
    'abc-1-2-3',
    'abc--1',
    'abc-1 ',
    'abc-1\n',
    `abc-${'z'.repeat(11)}`,
  ])('refuses %j', (text) => expect(parseCursor(text)).toBeNull());
});
