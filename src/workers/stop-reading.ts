/** Leaves the bytes of a socket that goes to another process to that process. */
import type { Socket } from 'node:net';

/**
 * Until the other one has told that it has the socket, it is open here as well, and Node goes on reading it: what comes
 * meanwhile would be lost, a client's next word for instance. Only what is under the socket can stop that, which is internal to
 * Node: where it is not as it has been since Node 12, that moment stays.
 */
export function stopReading(socket: Socket): void {
  const { _handle: handle } = socket as { _handle?: { readStop?: () => number } | null };
  if (typeof handle?.readStop === 'function') handle.readStop();
}
