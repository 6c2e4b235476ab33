import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayHold, noRights, parseRights } from '../../../src/routing/rights.js';

describe('parseRights()', () => {
  it('reads who may hold a subscription', () => {
    const rights = parseRights('{"public": false, "mediators": ["m", "n"]}');
    expect(['m', 'n', 'o'].map((player) => mayHold(rights, player))).toEqual([true, true, false]);
    expect(mayHold(parseRights('{"public": true, "mediators": []}'), 'anyone')).toBe(true);
  });

  it('grants nothing by what it cannot read', () => {
    for (const data of [
      null,
      '',
      '{',
      'null',
      '[]',
      '1',
      '{}',
      '{"public": "true"}',
      '{"public": 1}',
      '{"mediators": "m"}',
    ]) {
      expect(mayHold(parseRights(data), 'm')).toBe(false);
    }
    expect(mayHold(noRights, 'm')).toBe(false);
    expect(mayHold(parseRights('{"mediators": [1, null, "m"]}'), 'm')).toBe(true);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (data) => {
        expect(typeof mayHold(parseRights(data), 'm')).toBe('boolean');
      }),
    );
  });
});
