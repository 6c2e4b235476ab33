/**
 * The private id by which a Socket.IO client takes up its session on any instance.
 *
 * It holds the socket's id, signed together with the player: no instance has to have stored it, so it outlives
 * the instance that made it. The player is checked against the token that comes with it.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const sidForm = /^[\w-]{10,40}$/;

export const newSessionId = (): string => randomBytes(15).toString('base64url');

export function privateIdOf(secret: string, sid: string, playerId: string): string {
  const mac = createHmac('sha256', secret).update(`${sid}\n${playerId}`).digest('base64url');
  return `${sid}.${mac}`;
}

/** The socket's id in a private id; whose it is shows only with the token. Null for anything else. */
export function sessionIdIn(privateId: string): string | null {
  const [sid, mac, ...rest] = privateId.split('.');
  return sid !== undefined && mac !== undefined && rest.length === 0 && sidForm.test(sid) ? sid : null;
}

export function isPrivateIdOf(privateId: string, secret: string, sid: string, playerId: string): boolean {
  const expected = Buffer.from(privateIdOf(secret, sid, playerId));
  const given = Buffer.from(privateId);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
