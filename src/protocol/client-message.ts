/** What clients may say, in both protocols: read from hostile input, once, into a type the rest can trust. */
import type { ErrorCode } from '../errors.js';

export type RequestId = string | number;

/** A client's message, understood. */
export type ClientMessage =
  | { readonly type: 'ping'; readonly id?: RequestId }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly lobby: string; readonly id?: RequestId }
  | { readonly type: 'auth'; readonly token: string; readonly id?: RequestId }
  /** A message of the program that embeds the server; its data is the handler's to check. */
  | { readonly type: 'custom'; readonly name: string; readonly data: unknown; readonly id?: RequestId };

export type Parsed =
  | { readonly ok: true; readonly message: ClientMessage }
  | {
      readonly ok: false;
      readonly code: Extract<ErrorCode, 'INVALID_MESSAGE' | 'UNKNOWN_TYPE'>;
      readonly id?: RequestId;
    };

export const clientMessageTypes = ['ping', 'subscribe', 'unsubscribe', 'auth'] as const;
export type ClientMessageType = (typeof clientMessageTypes)[number];

/** Longer names of lobbies, and ids, are nobody's. */
const maxNameLength = 256;

/** A JSON object; what a Socket.IO client sends as binary is none. */
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);

/** An own property; what is inherited (`__proto__`, `constructor`) is not the client's. */
const own = (record: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const isKnown = (type: string): type is ClientMessageType =>
  (clientMessageTypes as readonly string[]).includes(type);

function idOf(record: Record<string, unknown>): { valid: boolean; id?: RequestId } {
  const id = own(record, 'id');
  if (id === undefined) return { valid: true };
  if (typeof id === 'number' && Number.isFinite(id)) return { valid: true, id };
  if (typeof id === 'string' && id.length <= maxNameLength) return { valid: true, id };
  return { valid: false };
}

/** The lobby a client names: `lobbyId` or `lobbyCode`, in `data` or beside `type`. */
function lobbyOf(message: Record<string, unknown>, data: Record<string, unknown>): string | null {
  for (const [record, key] of [
    [data, 'lobbyId'],
    [data, 'lobbyCode'],
    [message, 'lobbyId'],
    [message, 'lobbyCode'],
  ] as const) {
    const value = own(record, key);
    if (value === undefined) continue;
    // Postgres text holds no NUL, and a lone surrogate is no UTF-8: neither names a lobby.
    const valid = typeof value === 'string' && value.length > 0 && value.length <= maxNameLength;
    return valid && !value.includes('\0') && value.isWellFormed() ? value : null;
  }
  return null;
}

const noNames: ReadonlySet<string> = new Set();

/** Reads a raw client's text frame; `custom` names the messages that the embedding program takes. */
export function parseFrame(text: string, custom: ReadonlySet<string> = noNames): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, code: 'INVALID_MESSAGE' };
  }
  if (!isRecord(value)) return { ok: false, code: 'INVALID_MESSAGE' };
  const type = own(value, 'type');
  if (typeof type !== 'string') return { ok: false, code: 'INVALID_MESSAGE', ...idIn(value) };
  return parseMessage(type, own(value, 'data'), value, custom);
}

const idIn = (record: Record<string, unknown>): { id?: RequestId } => {
  const { id } = idOf(record);
  return id === undefined ? {} : { id };
};

/**
 * Reads a message by its name and data; `beside` holds the keys beside `type`.
 * A Socket.IO event has its data alone: `id` is not looked for there, acknowledgements take its place.
 */
export function parseMessage(
  type: string,
  data: unknown,
  beside: Record<string, unknown> = {},
  custom: ReadonlySet<string> = noNames,
): Parsed {
  const { valid, id } = idOf(beside);
  if (!valid) return { ok: false, code: 'INVALID_MESSAGE' };
  const withId = id === undefined ? {} : { id };
  if (custom.has(type)) return { ok: true, message: { type: 'custom', name: type, data, ...withId } };
  if (!isKnown(type)) return { ok: false, code: 'UNKNOWN_TYPE', ...withId };
  if (data !== undefined && data !== null && !isRecord(data))
    return { ok: false, code: 'INVALID_MESSAGE', ...withId };
  const fields = isRecord(data) ? data : {};
  switch (type) {
    case 'ping':
      return { ok: true, message: { type, ...withId } };
    case 'subscribe':
    case 'unsubscribe': {
      const lobby = lobbyOf(beside, fields);
      if (lobby === null) return { ok: false, code: 'INVALID_MESSAGE', ...withId };
      return { ok: true, message: { type, lobby, ...withId } };
    }
    case 'auth': {
      const token = own(fields, 'token') ?? own(beside, 'token');
      if (typeof token !== 'string') return { ok: false, code: 'INVALID_MESSAGE', ...withId };
      return { ok: true, message: { type, token, ...withId } };
    }
  }
}
