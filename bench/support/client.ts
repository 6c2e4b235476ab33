/** One client of either protocol that notes when each contract's event arrived. */
import { io } from 'socket.io-client';
import WebSocket from 'ws';

export type Protocol = 'raw WebSocket' | 'Socket.IO';
export const protocols: readonly Protocol[] = ['raw WebSocket', 'Socket.IO'];

export interface Client {
  close(): void;
}

/**
 * Resolves when the client is connected, that is live.
 * @param onContract gets the contract's id and the moment its frame arrived, before it was parsed
 */
export async function connectClient(
  protocol: Protocol,
  { url, token }: { url: string; token: string },
  onContract: (id: string, at: number) => void,
): Promise<Client> {
  if (protocol === 'raw WebSocket') {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/?token=${token}`);
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (text: Buffer) => {
        const at = performance.now();
        const { type, data } = JSON.parse(text.toString('utf8'));
        if (type === 'connected') resolve();
        if (type === 'contract:event') onContract(data.contractId as string, at);
        if (type === 'error') console.error('the server said', data);
      });
    });
    return { close: () => socket.close() };
  }
  const socket = io(url, { auth: { token }, transports: ['websocket'], forceNew: true });
  let arrivedAt = 0;
  // The engine's own event comes before the parser, as the raw client's message does.
  socket.io.engine.on('packet', () => (arrivedAt = performance.now()));
  socket.on('contract:event', ({ contractId }: { contractId: string }) => onContract(contractId, arrivedAt));
  await new Promise<void>((resolve, reject) => {
    socket.on('connect_error', reject);
    socket.once('connected', () => resolve());
  });
  return { close: () => void socket.close() };
}
