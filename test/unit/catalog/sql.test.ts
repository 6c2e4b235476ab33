import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ident, literal, qualified } from '../../../src/catalog/sql.js';

describe('ident()', () => {
  it('leaves plain names and quotes the others', () => {
    expect(ident('lobby_id')).toBe('lobby_id');
    expect(ident('Lobby')).toBe('"Lobby"');
    expect(ident('a"b')).toBe('"a""b"');
    expect(qualified({ schema: 'my schema', name: 'lobbies' })).toBe('"my schema".lobbies');
  });

  it('lets no name out of its quotes', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const text = ident(name);
        if (text === name) expect(name).toMatch(/^[a-z_][a-z0-9_]*$/);
        else expect(text.slice(1, -1).replaceAll('""', '')).not.toContain('"');
      }),
    );
  });
});

describe('literal()', () => {
  it('lets no text out of its quotes', () => {
    expect(literal(`it's`)).toBe(`'it''s'`);
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(literal(value).slice(1, -1).replaceAll(`''`, '')).not.toContain(`'`);
      }),
    );
  });
});
