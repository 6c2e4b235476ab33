/** The `error` message. */
import { errorMessages, type ErrorCode } from '../errors.js';
import { Outgoing } from './outgoing.js';

/** What both protocols tell of an error; `id` is the request's, if it had one. */
export function errorData(code: ErrorCode, id?: string | number) {
  return { message: errorMessages[code], code, ...(id !== undefined && { id }) };
}

/** Known by its code, so that whoever hands it on can count whom it was told. */
export class ErrorMessage extends Outgoing {
  constructor(
    readonly code: ErrorCode,
    cursor?: string,
    id?: string | number,
  ) {
    super('error', JSON.stringify(errorData(code, id)), cursor);
  }
}

export const errorMessage = (code: ErrorCode, id?: string | number): ErrorMessage =>
  new ErrorMessage(code, undefined, id);
