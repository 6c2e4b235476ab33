/**
 * Compressed frames (permessage-deflate, RFC 7692): one for all connections that have agreed to it, which is why
 * each message is compressed by itself, with no context from those before it.
 */
import { constants, deflateRawSync } from 'node:zlib';
import { deflatedTextFrame } from './frame.js';

/** Shorter texts hardly get smaller, in bytes. */
const minBytes = 256;
/**
 * How much is compressed between two turns of the event loop, in bytes: a few milliseconds' worth. What goes beyond
 * it is sent as it is, which a client must take at any time, so nobody waits and nothing changes its order.
 */
const turnBytes = 256 << 10;
/** What ends every compressed block, and is left out (RFC 7692, 7.2.1). */
const tailBytes = 4;

let left = turnBytes;
let refilling = false;

/** @returns null when the text is to be sent as it is: too short, too much of it, or no smaller for it */
export function deflatedFrame(text: string): Buffer | null {
  const bytes = Buffer.byteLength(text);
  if (bytes < minBytes || bytes > left) return null;
  left -= bytes;
  if (!refilling) {
    refilling = true;
    setImmediate(() => {
      left = turnBytes;
      refilling = false;
    });
  }
  const deflated = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
  const length = deflated.length - tailBytes;
  return length < bytes ? deflatedTextFrame(deflated.subarray(0, length)) : null;
}
