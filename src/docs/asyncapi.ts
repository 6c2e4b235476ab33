/** The AsyncAPI 3.0 document of the raw protocol, made from the catalogue. */
import { z, type ZodType } from 'zod';
import type { Catalog, Family } from '../catalog/index.js';
import { eventSchema } from '../catalog/schemas.js';
import { exampleOf } from './examples.js';
import { clientMessages, serverMessages, type DocumentedMessage } from './messages.js';
import { sentTo, whenSent } from './words.js';

type Json = Readonly<Record<string, unknown>>;

const plain = (markdown: string) => markdown.replaceAll('`', '');

/** Serialize it with JSON.stringify; `version` is the package's. */
export function asyncApi(catalog: Catalog, version: string): Json {
  const events = catalog.families.flatMap((family) =>
    Object.keys(family.events).map((type) => [type, eventMessage(family, type)] as const),
  );
  const sent = [...events, ...serverMessages.map((message) => [message.name, messageOf(message)] as const)];
  const received = clientMessages.map((message) => [message.name, messageOf(message)] as const);
  const all = [...sent, ...received];
  const inChannel = (names: readonly (readonly [string, unknown])[]) =>
    names.map(([name]) => ({ $ref: `#/channels/root/messages/${name}` }));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'hashi-socket',
      version,
      description:
        'Changes of rows in Postgres as events, over a WebSocket. Socket.IO clients get the same: the envelope\'s "type" is the event\'s name, its "data" the first argument.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    defaultContentType: 'application/json',
    servers: {
      local: {
        host: '127.0.0.1:3000',
        protocol: 'ws',
        description: 'Where "hashi-socket serve" listens unless HOST and PORT say otherwise.',
        security: [
          { $ref: '#/components/securitySchemes/token' },
          { $ref: '#/components/securitySchemes/bearer' },
        ],
      },
    },
    channels: {
      root: {
        address: '/',
        title: 'The WebSocket',
        description: 'Everything goes over one connection.',
        messages: Object.fromEntries(all.map(([name]) => [name, { $ref: `#/components/messages/${name}` }])),
        bindings: { ws: { method: 'GET', query: querySchema, bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      sendEvents: {
        action: 'send',
        channel: { $ref: '#/channels/root' },
        summary: 'Events, each to its audience, in the order of the log.',
        messages: inChannel(events),
      },
      answer: {
        action: 'send',
        channel: { $ref: '#/channels/root' },
        summary: 'What the server says of the connection itself.',
        messages: inChannel(sent.slice(events.length)),
      },
      receiveRequests: {
        action: 'receive',
        channel: { $ref: '#/channels/root' },
        summary: 'What a client may say.',
        messages: inChannel(received),
      },
    },
    components: {
      messages: Object.fromEntries(all),
      schemas: Object.fromEntries(
        catalog.families.map((family) => [schemaName(family), jsonSchema(family.payload.schema)]),
      ),
      securitySchemes: {
        token: {
          type: 'httpApiKey',
          in: 'query',
          name: 'token',
          description: 'A JWT in the query, for browsers.',
        },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      },
    },
  };
}

const querySchema = {
  type: 'object',
  properties: {
    token: {
      type: 'string',
      description: 'The JWT, where no Authorization header or subprotocol carries it.',
    },
    resume: { type: 'string', enum: ['1'], description: 'Adds the key "id" to events.' },
    since: {
      type: 'string',
      description: 'An "id" or the "cursor" of "connected": sends what came after it first.',
    },
  },
};

const schemaName = (family: Family) =>
  `${family.name.replace(/:.*$/, '').replaceAll(/[^\w.-]/g, '_')}Payload`;

function eventMessage(family: Family, type: string): Json {
  const event = family.events[type];
  const data = jsonSchema(eventSchema(family)) as Json & { properties: Record<string, unknown> };
  return {
    name: type,
    title: type,
    summary:
      event === undefined
        ? type
        : plain(`Sent when ${whenSent(family, event)}, to ${sentTo(family, event)}.`),
    payload: {
      type: 'object',
      properties: {
        type: { type: 'string', const: family.name },
        data: {
          ...data,
          properties: {
            ...data.properties,
            type: { type: 'string', const: type },
            payload: { $ref: `#/components/schemas/${schemaName(family)}` },
          },
        },
        id: { type: 'string', description: 'Only with resume or since.' },
      },
      required: ['type', 'data'],
      additionalProperties: false,
    },
    examples: [{ name: type, payload: { type: family.name, data: exampleOf(family, type) } }],
  };
}

function messageOf({ name, summary, schema, example }: DocumentedMessage): Json {
  return { name, title: name, summary, payload: jsonSchema(schema), examples: [{ name, payload: example }] };
}

/** AsyncAPI's own schema dialect is a superset of draft 7. */
function jsonSchema(schema: ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
  return rest;
}
