import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { piecesOf, textFrame } from '../../../src/protocol/frame.js';

describe('textFrame()', () => {
  it.each([
    [0, 2],
    [1, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
    [200_000, 10],
  ])('frames %i bytes with a header of %i', (length, header) => {
    const frame = textFrame('x'.repeat(length));
    expect(frame).toHaveLength(header + length);
    expect(frame[0]).toBe(0x81);
    const stated =
      header === 2 ? frame[1] : header === 4 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2));
    expect(frame[1]).toBe(header === 2 ? length : header === 4 ? 126 : 127);
    expect(stated).toBe(length);
    expect(frame.subarray(header).toString()).toBe('x'.repeat(length));
  });

  it('counts bytes of UTF-8, not characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const frame = textFrame(text);
        const length = Buffer.byteLength(text);
        expect(frame.subarray(frame.length - length).toString('utf8')).toBe(text);
      }),
    );
  });

  it('is understood by a stock client', async () => {
    const texts = ['', 'é☃😀', 'x'.repeat(126), '€'.repeat(30_000), '\u0000'];
    const server = createServer((socket) => {
      socket.once('data', (request) => {
        const key = /Sec-WebSocket-Key: (.*)\r/i.exec(String(request))?.[1] ?? '';
        const accept = createHash('sha1')
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        socket.write(Buffer.concat(texts.map(textFrame)));
      });
      socket.on('error', () => socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const received: string[] = [];
    await new Promise<void>((resolve, reject) => {
      ws.on('message', (data: Buffer) => {
        received.push(String(data));
        if (received.length === texts.length) resolve();
      });
      ws.on('error', reject);
    });
    expect(received).toEqual(texts);
    ws.terminate();
    server.close();
  });
});

describe('piecesOf()', () => {
  it('cuts between frames alone, and as seldom as it may', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(200), fc.nat(5000), fc.integer({ min: 65_530, max: 66_000 })), {
          minLength: 1,
        }),
        fc.integer({ min: 1, max: 20_000 }),
        (sizes, most) => {
          const frames = sizes.map((size) => textFrame('x'.repeat(size)));
          const pieces = piecesOf(Buffer.concat(frames), most);
          expect(Buffer.concat(pieces).equals(Buffer.concat(frames))).toBe(true);
          let next = 0;
          let before = Number.POSITIVE_INFINITY;
          for (const piece of pieces) {
            const first = next;
            const firstLength = frames[first]?.length ?? 0;
            for (let length = 0; length < piece.length; next++) length += frames[next]?.length ?? Infinity;
            expect(Buffer.concat(frames.slice(first, next)).equals(piece)).toBe(true);
            expect(piece.length <= most || next === first + 1).toBe(true);
            expect(before + firstLength).toBeGreaterThan(most);
            before = piece.length;
          }
          expect(next).toBe(frames.length);
        },
      ),
    );
  });
});
