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
  if (used + bytes > piece.length) {
    piece = Buffer.allocUnsafeSlow(pieceBytes);
    used = 0;
  }
  const cut = piece.subarray(used, used + bytes);
  used += bytes;
  return cut;
}

/** All of them, one after the other. */
export function joined(parts: readonly Buffer[]): Buffer {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const whole = frameMemory(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
