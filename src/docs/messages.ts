/** The messages that are no events, as schemas with an example each. */
import { z, type ZodType } from 'zod';
import { isoTimestamp } from '../catalog/define.js';
import { errorMessages, type ErrorCode } from '../errors.js';

export interface DocumentedMessage {
  readonly name: string;
  readonly summary: string;
  readonly schema: ZodType;
  readonly example: unknown;
}

const id = z.union([z.string().max(256), z.number()]);
const cursor = z.string();
const empty = z.looseObject({}).optional();
const timestamp = '2026-01-15T12:00:00.000Z';
const lobbyId = '6f1c0b1e-3c53-4d4e-9a39-0c9f5c1f9a10';
const codes = Object.keys(errorMessages) as [ErrorCode, ...ErrorCode[]];

const envelope = (type: string, data: ZodType) => z.strictObject({ type: z.literal(type), data });
const request = (type: string, data: ZodType) =>
  z.looseObject({ type: z.literal(type), data, id: id.optional() });

/** Sent by the server. */
export const serverMessages: readonly DocumentedMessage[] = [
  {
    name: 'connected',
    summary: 'Sent once, when the client is live in all its rooms.',
    schema: envelope(
      'connected',
      z.strictObject({
        playerId: z.string(),
        connectionId: z.string(),
        lobbies: z.array(z.strictObject({ lobbyId: z.string(), lobbyCode: z.string() })),
        cursor,
        recovered: z.boolean(),
        timestamp: isoTimestamp,
      }),
    ),
    example: {
      type: 'connected',
      data: {
        playerId: 'did:privy:bob',
        connectionId: 'Zk3vJ0aXb8lq5TgAAAAB',
        lobbies: [{ lobbyId, lobbyCode: 'ABC123' }],
        cursor: '9f1c2ab34d5e-ya',
        recovered: false,
        timestamp,
      },
    },
  },
  {
    name: 'pong',
    summary: 'The answer to ping.',
    schema: envelope('pong', z.strictObject({ timestamp: isoTimestamp, id: id.optional() })),
    example: { type: 'pong', data: { timestamp } },
  },
  {
    name: 'ack',
    summary: 'The answer to a message that carried an id and worked; never sent otherwise.',
    schema: envelope('ack', z.looseObject({ id })),
    example: { type: 'ack', data: { id: 7 } },
  },
  {
    name: 'error',
    summary: 'Something did not work; the code says what.',
    schema: envelope(
      'error',
      z.strictObject({ message: z.string(), code: z.enum(codes), id: id.optional() }),
    ),
    example: {
      type: 'error',
      data: { message: errorMessages.SUBSCRIBE_DENIED, code: 'SUBSCRIBE_DENIED' },
    },
  },
];

const lobby = z.union([z.looseObject({ lobbyId: z.string() }), z.looseObject({ lobbyCode: z.string() })]);

/** Sent by clients. */
export const clientMessages: readonly DocumentedMessage[] = [
  {
    name: 'ping',
    summary: 'Asks for a pong.',
    schema: request('ping', empty),
    example: { type: 'ping' },
  },
  {
    name: 'subscribe',
    summary: "Asks to be put into a lobby's room; the lobby is named by its UUID or its code.",
    schema: request('subscribe', lobby),
    example: { type: 'subscribe', data: { lobbyId: 'ABC123' }, id: 7 },
  },
  {
    name: 'unsubscribe',
    summary: 'Leaves a room entered by subscribe.',
    schema: request('unsubscribe', lobby),
    example: { type: 'unsubscribe', data: { lobbyId: 'ABC123' } },
  },
  {
    name: 'auth',
    summary: 'Brings a fresh token of the same player, before the old one runs out.',
    schema: request('auth', z.looseObject({ token: z.string() })),
    example: { type: 'auth', data: { token: 'a.fresh.token' } },
  },
];
