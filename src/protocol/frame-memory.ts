/**
 * Memory for frames, cut from larger pieces: Node's own pool is 8 KiB, and above half of that each buffer is an allocation
 * that the garbage collector has to be told of, which costs more than the copying. Frames that are made together are
 * given up together, so a piece is held for longer than its frames by little.
 */
const pieceBytes = 64 << 10;
/** What is larger has memory of its own. */
const mostBytes = pieceBytes / 4;

let piece = Buffer.alloc(0);
let used = 0;

/** So many bytes, with anything in them. */
export function frameMemory(bytes: number): Buffer {
  if (bytes > mostBytes) return Buffer.allocUnsafeSlow(bytes);
  pieceFor(bytes);
  return cutTo(used + bytes);
}

/** Whether a piece may be asked for so many bytes. */
export const fitsPiece = (bytes: number): boolean => bytes <= mostBytes;

/** Where so many bytes, which fit, may be written from `pieceUsed()` on; `cutTo` then takes those that were. */
export function pieceFor(most: number): Buffer {
  if (used + most > piece.length) {
    piece = Buffer.allocUnsafeSlow(pieceBytes);
    used = 0;
  }
  return piece;
}

export const pieceUsed = (): number => used;

/** The bytes of the piece from `pieceUsed()` to here. */
export function cutTo(end: number): Buffer {
  const bytes = piece.subarray(used, end);
  used = end;
  return bytes;
}

/** All of them, one after the other. */
export function joined(parts: readonly Buffer[]): Buffer {
  return copied(parts, frameMemory(lengthOf(parts)));
}

/** Where what is written once, and at once, is put together: whoever takes it is done with it before the next. */
let passing = Buffer.alloc(0);

/**
 * The same, for one write: the next one is put together in the same memory, unless `keepPassing` is called before. What is made
 * for one connection alone would otherwise be allocated, and collected, for each write.
 */
export function joinedInPassing(parts: readonly Buffer[]): Buffer {
  const bytes = lengthOf(parts);
  if (bytes > pieceBytes) return joined(parts);
  if (passing.length === 0) passing = Buffer.allocUnsafeSlow(pieceBytes);
  return copied(parts, passing.subarray(0, bytes));
}

/** What was joined in passing last is still needed. */
export function keepPassing(): void {
  passing = Buffer.alloc(0);
}

function lengthOf(parts: readonly Buffer[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}

function copied(parts: readonly Buffer[], whole: Buffer): Buffer {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
