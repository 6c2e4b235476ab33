/** The forms in which messages travel. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../src/adapter/codec.js';
import { decodeMessagePack } from '../../src/adapter/msgpack.js';
import { isAfter, offsetText, parseOffset } from '../../src/adapter/offset.js';

const stock = createRequire(createRequire(import.meta.url).resolve('@socket.io/postgres-adapter'));
const msgpack = stock('@msgpack/msgpack') as { encode(value: unknown): Uint8Array };

const bytes = fc.uint8Array().map((array) => Buffer.from(array));
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string().map((s) => `\u0000${s}`),
  fc.string().map((s) => `\u0000b${s}`),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
    fc.integer(),
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .dictionary(
        fc.string().filter((key) => key !== '__proto__' && key !== 'toJSON'),
        tie('value'),
        { maxKeys: 5 },
      )
      .map((o) => ({ ...o })),
  ),
}));

describe('JSON with bytes', () => {
  it('comes back as it went, whatever strings look like', () => {
    fc.assert(fc.property(value, (one) => void expect(decode(encode(one))).toEqual(one)));
  });

  it('holds no character that Postgres refuses', () => {
    fc.assert(fc.property(value, (one) => void expect(encode(one)).not.toContain('\0')));
  });

  it('takes what toJSON gives, bytes in it too', () => {
    const at = new Date(0);
    expect(decode(encode({ at, it: { toJSON: () => ({ b: Buffer.from([1]) }) } }))).toEqual({
      at: at.toISOString(),
      it: { b: Buffer.from([1]) },
    });
  });
});

describe('MessagePack', () => {
  it('reads what the emitter writes', () => {
    fc.assert(
      fc.property(
        value,
        (one) => void expect(decodeMessagePack(Buffer.from(msgpack.encode(one)))).toEqual(one),
      ),
    );
    const large = {
      list: Array.from({ length: 70_000 }, (_, i) => i),
      at: new Date(1234567),
      far: new Date(2 ** 36 * 1000),
    };
    expect(decodeMessagePack(Buffer.from(msgpack.encode(large)))).toEqual(large);
  });

  it('refuses what is none with a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (array) => {
        try {
          decodeMessagePack(Buffer.from(array));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('an offset', () => {
  it('comes back as it went', () => {
    const offset = { epoch: '0123456789ab', seq: 12345, own: 0 };
    expect(parseOffset(offsetText(offset))).toEqual(offset);
    expect(parseOffset(offsetText({ ...offset, own: 7 }))).toEqual({ ...offset, own: 7 });
  });

  it('is null for any other string', () => {
    // An epoch is hexadecimal, so that "0-0" is one.
    const text = fc.string().filter((any) => !/^[0-9a-z]+-[0-9a-z]/i.test(any));
    fc.assert(fc.property(text, (any) => void expect(parseOffset(any)).toBeNull()));
  });

  it('is later by its place in the log, then by its number there', () => {
    expect(isAfter({ seq: 2, own: 0 }, { seq: 1, own: 9 })).toBe(true);
    expect(isAfter({ seq: 1, own: 2 }, { seq: 1, own: 1 })).toBe(true);
    expect(isAfter({ seq: 1, own: 1 }, { seq: 1, own: 1 })).toBe(false);
  });
});
