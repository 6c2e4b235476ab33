import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorMessages, type ErrorCode } from '../../../src/errors.js';
import { errorMessage } from '../../../src/protocol/error-message.js';
import { textFrame } from '../../../src/protocol/frame.js';
import { Outgoing } from '../../../src/protocol/outgoing.js';

const data = '{"type":"contract.created","é":"☃"}';

/** JSON around the lengths at which headers grow. */
const long = (length: number) => JSON.stringify('x'.repeat(length));

describe('Outgoing', () => {
  it('is an envelope of exactly type and data', () => {
    const message = new Outgoing('contract:event', data, 'abc-1');
    expect(message.text('raw')).toBe(`{"type":"contract:event","data":${data}}`);
  });

  it('has an id where resuming was asked for, and a cursor is known', () => {
    expect(JSON.parse(new Outgoing('contract:event', data, 'abc-1').text('rawWithId'))).toEqual({
      type: 'contract:event',
      data: JSON.parse(data),
      id: 'abc-1',
    });
    expect(JSON.parse(new Outgoing('pong', '{}').text('rawWithId'))).toEqual({ type: 'pong', data: {} });
  });

  it('is a Socket.IO event packet, with the offset last', () => {
    expect(new Outgoing('contract:event', data, 'abc-1').text('socketio')).toBe(
      `2["contract:event",${data},"abc-1"]`,
    );
    expect(new Outgoing('pong', '{}').text('socketio')).toBe('2["pong",{}]');
    expect(String(new Outgoing('pong', '{}').frame('socketio').subarray(2))).toBe('42["pong",{}]');
  });

  it('quotes a name that an application chose', () => {
    expect(JSON.parse(new Outgoing('a"b', '1').text('raw'))).toEqual({ type: 'a"b', data: 1 });
  });

  it('is the same in every form, whichever has been framed before, and has its data still', () => {
    const forms = ['raw', 'rawWithId', 'socketio'] as const;
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.oneof(fc.json({ stringUnit: 'grapheme' }), fc.constantFrom(...[120, 130, 66_000].map(long))),
        fc.option(fc.constant('abc-1'), { nil: undefined }),
        fc.shuffledSubarray([...forms], { minLength: 1 }),
        (name, json, cursor, order) => {
          const message = new Outgoing(name, json, cursor);
          for (const form of order) {
            const expected = new Outgoing(name, json, cursor).text(form);
            const frame = textFrame(form === 'socketio' ? `4${expected}` : expected);
            expect(message.frame(form).equals(frame)).toBe(true);
            expect(message.data).toBe(json);
            expect(message.text(form)).toBe(expected);
          }
        },
      ),
    );
  });

  it('is written and framed once per form', () => {
    const message = new Outgoing('contract:event', data, 'abc-1');
    for (const form of ['raw', 'rawWithId', 'socketio'] as const) {
      expect(message.frame(form)).toBe(message.frame(form));
    }
  });
});

describe('errorMessage()', () => {
  it.each(Object.keys(errorMessages) as ErrorCode[])(
    'tells %s by message and code, and repeats an id',
    (code) => {
      expect(JSON.parse(errorMessage(code).text('raw'))).toEqual({
        type: 'error',
        data: { message: errorMessages[code], code },
      });
      expect(JSON.parse(errorMessage(code, 7).data)).toEqual({ message: errorMessages[code], code, id: 7 });
    },
  );
});
