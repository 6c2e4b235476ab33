/** Reads what the console asks of the development desk: a small JSON object, or a refusal. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';

const maxBodyBytes = 4096;

const player = z
  .string()
  .trim()
  .min(1)
  .max(256)
  // Postgres stumbles over a zero, a log over the others.
  .regex(/^[^\u0000-\u001f\u007f]*$/, { error: 'must hold no control characters' });

export const emptyRequest = z.strictObject({});
export const tokenRequest = z.strictObject({ player });
export const demoRequest = z.strictObject({ run: z.boolean() });
export const sampleRequest = z.strictObject({
  name: z.string().max(32),
  player: player.optional(),
  lobby: z.uuid().optional(),
  contract: z.uuid().optional(),
});

/** Told to the console as it is: `message` holds nothing that the developer may not know. */
export class DeskError extends Error {
  override readonly name = 'DeskError';

  constructor(
    readonly status: 400 | 403 | 404 | 409 | 413 | 429 | 503,
    message: string,
  ) {
    super(message);
  }
}

/** @throws DeskError when it is too long, no JSON, or not what is asked for */
export async function readRequest<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new DeskError(413, `The request is over ${maxBodyBytes} bytes.`);
    chunks.push(chunk);
  }
  const parsed = schema.safeParse(jsonOf(Buffer.concat(chunks).toString('utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DeskError(400, `${issue?.path.join('.') || 'The request'}: ${issue?.message ?? 'not valid'}.`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Which no schema takes.
    return undefined;
  }
}
