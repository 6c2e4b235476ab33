/** When each error is told, what follows, and what a client does: the words beside `errorMessages`. */
import { closeCodeOf, closeCodes, errorMessages, type ErrorCode } from '../errors.js';
import { code, table } from './markdown.js';

interface ErrorNote {
  readonly when: string;
  readonly then: string;
  /** Where the code alone does not decide it. */
  readonly close?: string;
}

const notes: Readonly<Record<ErrorCode, ErrorNote>> = {
  AUTH_ERROR: {
    when: 'The token is missing, malformed, expired, not yet valid or not ours. `exp iat sub sid iss aud` are required; clocks may differ by 5 s.',
    then: 'Get a new token before connecting again.',
  },
  TOKEN_EXPIRED: {
    when: 'The token ran out while connected.',
    then: 'Connect again with a new one, and `since`. An `auth` message in time avoids it.',
  },
  AUTH_UNAVAILABLE: {
    when: 'The key server cannot be reached and no usable key is held.',
    then: 'Connect again later, with a growing pause.',
  },
  INVALID_MESSAGE: {
    when: 'Not JSON, not an object, a wrong shape, or a binary frame.',
    then: 'Mend the client.',
  },
  UNKNOWN_TYPE: { when: 'A `type` that the server does not take.', then: 'Mend the client.' },
  SUBSCRIBE_DENIED: {
    when: 'The lobby does not exist, or this player may not see it. The two are not told apart.',
    then: 'Do not try again unless something has changed.',
  },
  TOO_MANY_SUBSCRIPTIONS: {
    when: 'More than `HASHI_MAX_SUBSCRIPTIONS` on one connection.',
    then: 'Unsubscribe from others first.',
  },
  RESUME_FAILED: {
    when: 'What came after `since` is no longer kept, or the database was restored or replaced.',
    then: 'Read the state again; the connection is live.',
  },
  RESYNC_REQUIRED: {
    when: 'What changed cannot be told as events: a table was truncated, an event could not be built or is too big, the database was restored.',
    then: 'Read the state again; the connection goes on, and its subscriptions do.',
  },
  TOO_MANY_CONNECTIONS: {
    when: 'The player has `HASHI_MAX_CONNECTIONS_PER_PLAYER` connections already.',
    then: 'Close others first.',
  },
  RATE_LIMITED: {
    when: 'More messages than `HASHI_MESSAGES_PER_SECOND` and `HASHI_MESSAGE_BURST` allow.',
    then: 'Send less. Going on with it closes the connection.',
    close: `${closeCodes.TOO_MANY}, if it goes on`,
  },
  SLOW_CONSUMER: {
    when: 'More than `HASHI_MAX_UNSENT_BYTES` wait to be sent. The message itself may not arrive.',
    then: 'Connect again with `since`: nothing is lost.',
  },
  SERVER_RESTARTING: {
    when: 'The instance stops.',
    then: 'Connect again with `since`, after a short random pause.',
  },
  INTERNAL_ERROR: { when: 'A bug of the server.', then: 'Connect again with `since`.' },
};

export function errorTable(): string {
  const codes = Object.keys(errorMessages) as ErrorCode[];
  return table(
    ['code', 'when', 'close', 'what a client does'],
    codes.map((name) => [
      code(name),
      notes[name].when,
      notes[name].close ?? (closeCodeOf[name] === undefined ? '–' : String(closeCodeOf[name])),
      notes[name].then,
    ]),
  );
}

/** Those of WebSocket itself beside ours. */
const otherCloses: readonly (readonly [number, string, string])[] = [
  [1000, 'The client closed, or the server closed on its behalf.', 'as the client likes'],
  [closeCodes.GOING_AWAY, 'The instance, or a proxy in between, goes without a drain.', 'yes'],
  [1002, 'Broken framing.', 'no: mend the client'],
  [1007, 'Text that is not UTF-8.', 'no: mend the client'],
  [1009, 'A message over `HASHI_MAX_MESSAGE_BYTES`.', 'no: mend the client'],
];

const again: Readonly<Record<number, string>> = {
  [closeCodes.INTERNAL]: 'yes, with a growing pause',
  [closeCodes.RESTART]: 'yes, after a short random pause',
  [closeCodes.TRY_AGAIN]: 'yes, with a growing pause',
  [closeCodes.UNAUTHORIZED]: 'with a new token',
  [closeCodes.SLOW]: 'yes',
  [closeCodes.TOO_MANY]: 'yes, with a long pause',
};

export function closeTable(): string {
  const ours = Object.values(closeCodes)
    .filter((number) => number in again)
    .map((number) => {
      const errors = Object.entries(closeCodeOf).filter(([, close]) => close === number);
      const names = [
        ...errors.map(([name]) => name),
        ...(number === closeCodes.TOO_MANY ? ['RATE_LIMITED'] : []),
      ];
      return [number, `After ${names.map(code).join(' or ')}.`, again[number] ?? ''] as const;
    });
  return table(
    ['close code', 'meaning', 'connect again?'],
    [...otherCloses, ...ours].sort(([a], [b]) => a - b).map((row) => row.map(String)),
  );
}
