/** The AsyncAPI document as a judge of real messages. */
import { z, type ZodType } from 'zod';
import { catalog } from '../../src/catalog/index.js';
import { asyncApi } from '../../src/docs/asyncapi.js';

const document = asyncApi(catalog, '0.0.0') as any;
const messages: Record<string, { payload: unknown }> = document.components.messages;
const schemas = new Map<string, ZodType>();

/** A schema with what its `$ref`s name in their place. */
function resolved(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(resolved);
  if ('$ref' in schema && typeof schema.$ref === 'string') {
    const path = schema.$ref.replace(/^#\//, '').split('/');
    return resolved(path.reduce((at: any, key) => at?.[key], document));
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value)]));
}

/** What the document says against a message from the server; undefined when it is as documented. */
export function complaintAbout(message: { type: string; data: any }): string | undefined {
  const name: string = message.type.endsWith(':event') ? message.data?.type : message.type;
  const documented = messages[name];
  if (documented === undefined) return `the document has no message ${name}`;
  let schema = schemas.get(name);
  if (schema === undefined)
    schemas.set(name, (schema = z.fromJSONSchema(resolved(documented.payload) as any)));
  return schema.safeParse(message).error?.message;
}
