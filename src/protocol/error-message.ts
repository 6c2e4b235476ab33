/** The `error` message. */
import { errorMessages, type ErrorCode } from '../errors.js';
import { Outgoing } from './outgoing.js';

/** What both protocols tell of an error; `id` is the request's, if it had one. */
export function errorData(code: ErrorCode, id?: string | number) {
  return { message: errorMessages[code], code, ...(id !== undefined && { id }) };
}

export const errorMessage = (code: ErrorCode, id?: string | number): Outgoing =>
  new Outgoing('error', JSON.stringify(errorData(code, id)));
