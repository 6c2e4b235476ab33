/** Turns errors into plain objects for the log, causes and all, with the fields that help and none that quote data. */

// Of what drivers hang on their errors these say where it failed; pg's `detail` and `where` quote rows and statements.
const telling = [
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'severity',
  'hint',
  'schema',
  'table',
] as const;
const alsoTelling = ['column', 'constraint', 'routine', 'reason', 'status'] as const;
const fields = [...telling, ...alsoTelling];
const maxDepth = 6;

export interface SerializedError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: unknown;
  /** Of an AggregateError. */
  readonly errors?: readonly unknown[];
  readonly [field: string]: unknown;
}

/** @param seen errors further out, so that a circle of causes ends */
export function serializeError(error: Error, seen: readonly Error[] = []): SerializedError {
  const chain = [...seen, error];
  const inner = (value: unknown): unknown => {
    if (!(value instanceof Error)) return typeof value === 'string' ? value : typeof value;
    return chain.includes(value) || chain.length >= maxDepth
      ? `[${value.name}]`
      : serializeError(value, chain);
  };
  const extra: Record<string, unknown> = {};
  for (const field of fields) {
    const value: unknown = Reflect.get(error, field);
    if (typeof value === 'string' || typeof value === 'number') extra[field] = value;
  }
  return {
    type: error.name,
    message: error.message,
    ...extra,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined ? {} : { cause: inner(error.cause) }),
    ...('errors' in error && Array.isArray(error.errors) ? { errors: error.errors.map(inner) } : {}),
  };
}

/** A copy of what is to be logged in which errors, wherever they are, are plain objects. */
export function expandErrors(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return serializeError(value);
  if (depth >= maxDepth || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => expandErrors(item, depth + 1));
  // Maps, buffers, dates: left to their own toJSON.
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expandErrors(item, depth + 1)]));
}
