/** Why a connection ended, in words, and when to try again. */

const texts = {
  1000: 'Closed normally.',
  1001: 'The server is going away.',
  1002: 'The server got a broken WebSocket frame.',
  1005: 'Closed without saying why.',
  1006: 'The connection was lost, or there is no server.',
  1007: 'A message was not valid UTF-8.',
  1009: 'A message was too big.',
  1011: 'The server failed: this is a bug of the server.',
  1012: 'The server is restarting.',
  1013: 'The key server cannot be reached, so tokens cannot be checked.',
  4000: 'Cut by this page, to show a resume.',
  4401: 'The token was refused or has run out: give another one.',
  4408: 'This page read too slowly.',
  4429: 'Too many messages, or too many connections of this player.',
};

// Trying again with the same token, or the same message, would end the same way.
const finalCodes = new Set([1000, 1007, 1009, 4401]);
const firstRetryMs = 500;
const longestRetryMs = 15_000;

/** The close code of a cut on purpose, and how long it stays cut: enough to change a row meanwhile. */
export const cutCode = 4000;
export const cutMs = 5_000;

/** @param {number} code @param {string} [reason] what the server wrote beside it */
export function explainClose(code, reason = '') {
  const text = texts[code] ?? 'Closed.';
  return `${code}: ${text}${reason === '' ? '' : ` (${reason})`}`;
}

/** @param {number} code whether a client may come back by itself after it */
export const mayRetry = (code) => !finalCodes.has(code);

/** Jitter, so that the pages that a restart has cut off do not come back at the same moment. @param {number} retries */
export function retryWaitMs(retries) {
  const ceiling = Math.min(longestRetryMs, firstRetryMs * 2 ** retries);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/** @param {number} waitMs */
export const tryingAgain = (waitMs) => `Trying again in ${(waitMs / 1000).toFixed(1)} s.`;
