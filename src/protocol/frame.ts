/** WebSocket frames, unmasked, as a server sends them (RFC 6455, 5.2). */

import { cutTo, fitsPiece, frameMemory, pieceFor, pieceUsed } from './frame-memory.js';

const textOpcode = 0x81;
const binaryOpcode = 0x82;
/** The first reserved bit: the message is compressed (RFC 7692, 6). */
const compressed = 0x40;

/** One whole text frame: the header and the text in UTF-8, in one buffer that any number of sockets can share. */
export const textFrame = (text: string): Buffer => textFrameOf('', text, '');

/** The same, of a text in three parts: joined to one string V8 would copy it once more. */
export function textFrameOf(before: string, text: string, after: string): Buffer {
  const units = before.length + text.length + after.length;
  // A unit of UTF-16 is three bytes at most. Where the header is as long whatever they come to, they are not counted first.
  const most = 4 + 3 * units;
  if (units >= 126 && fitsPiece(most)) return mediumFrame(pieceFor(most), before, text, after);
  const length = Buffer.byteLength(before) + Buffer.byteLength(text) + Buffer.byteLength(after);
  const { frame, start } = emptyFrame(textOpcode, length);
  write(frame, start, before, text, after);
  return frame;
}

/** Of 126 bytes to 64 KiB. */
function mediumFrame(piece: Buffer, before: string, text: string, after: string): Buffer {
  const at = pieceUsed();
  const end = write(piece, at + 4, before, text, after);
  piece[at] = textOpcode;
  piece[at + 1] = 126;
  piece.writeUInt16BE(end - at - 4, at + 2);
  return cutTo(end);
}

/** Returns the place after it. */
function write(into: Buffer, at: number, before: string, text: string, after: string): number {
  const from = at + into.write(before, at);
  const end = from + into.write(text, from);
  if (after.length !== 1) return end + into.write(after, end);
  into[end] = after.charCodeAt(0);
  return end + 1;
}

/** One whole text frame whose payload is the compressed text. */
export function deflatedTextFrame(payload: Buffer): Buffer {
  return frameOf(textOpcode | compressed, payload);
}

/** One whole binary frame. */
export function binaryFrame(bytes: Buffer): Buffer {
  return frameOf(binaryOpcode, bytes);
}

function frameOf(opcode: number, payload: Buffer): Buffer {
  const { frame, start } = emptyFrame(opcode, payload.length);
  payload.copy(frame, start);
  return frame;
}

function emptyFrame(opcode: number, length: number): { frame: Buffer; start: number } {
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = frameMemory(start + length);
  frame[0] = opcode;
  if (length < 126) {
    frame[1] = length;
  } else if (length < 65_536) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length >>> 0, 6);
  }
  return { frame, start };
}

/** Whole frames in pieces of at most so many bytes, but for a frame that alone has more. */
export function piecesOf(frames: Buffer, most: number): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  let end = 0;
  while (end < frames.length) {
    const next = end + frameLength(frames, end);
    if (next - start > most && end > start) {
      pieces.push(frames.subarray(start, end));
      start = end;
    }
    end = next;
  }
  pieces.push(frames.subarray(start));
  return pieces;
}

/** The pieces of frames that many are due: they are cut once. */
export class Pieces {
  private readonly cut = new WeakMap<Buffer, readonly Buffer[]>();

  constructor(private readonly most: number) {}

  of(frames: Buffer): readonly Buffer[] {
    let pieces = this.cut.get(frames);
    if (!pieces) this.cut.set(frames, (pieces = piecesOf(frames, this.most)));
    return pieces;
  }
}

/** Of the unmasked frame that begins there, header and all. */
function frameLength(frames: Buffer, at: number): number {
  const length = frames[at + 1] ?? 0;
  if (length < 126) return 2 + length;
  if (length === 126) return 4 + frames.readUInt16BE(at + 2);
  return 10 + frames.readUInt32BE(at + 2) * 2 ** 32 + frames.readUInt32BE(at + 6);
}

/** How long the header of an unmasked frame is, in bytes. */
export function headerLength(frame: Buffer): number {
  const length = frame[1] ?? 0;
  return length < 126 ? 2 : length === 126 ? 4 : 10;
}
