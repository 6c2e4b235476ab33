/** Ports for programs that cannot choose one themselves. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * One of 127.0.0.1 that nobody listens on right now: below the range from which outgoing connections take theirs, so that
 * none of them has it by the time that the program listens.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
