/** Ports for programs that cannot choose one themselves. */
import { createServer, type AddressInfo } from 'node:net';

/** One of 127.0.0.1 that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
