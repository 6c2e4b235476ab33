/** Runtime schemas of events, derived from the catalogue: for clients, tests and tools that do not trust the wire. */
import { z, type ZodType } from 'zod';
import { isoTimestamp } from './define.js';
import type { DataOf, Family, MessageOf } from './family.js';

/** `data` of any event of a family. Strict: a key that the catalogue does not name is an error. */
export function eventSchema<F extends Family>(family: F): ZodType<DataOf<F>> {
  const keys = Object.entries(family.keys).map(([key, field]) => [key, field.schema] as const);
  const schema = z.strictObject({
    type: z.enum(Object.keys(family.events)),
    ...Object.fromEntries(keys),
    timestamp: isoTimestamp,
    payload: family.payload.schema,
  });
  return schema as unknown as ZodType<DataOf<F>>;
}

/** The message a client without `resume` receives for an event of a family: exactly `type` and `data`. */
export function messageSchema<F extends Family>(family: F): ZodType<MessageOf<F>> {
  const schema = z.strictObject({ type: z.literal(family.name), data: eventSchema(family) });
  return schema as unknown as ZodType<MessageOf<F>>;
}
