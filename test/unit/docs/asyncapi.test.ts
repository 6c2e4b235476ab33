import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { catalog } from '../../../src/catalog/index.js';
import { column, columns, everyone, family, inserted, object, table } from '../../../src/catalog/index.js';
import { asyncApi } from '../../../src/docs/asyncapi.js';

const document = asyncApi(catalog, '1.2.3') as any;
const messages: Record<string, any> = document.components.messages;

/** Every `$ref` in it, with what it points at. */
function references(value: unknown): [ref: string, target: unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  const nested = Object.values(value).flatMap(references);
  if (!('$ref' in value) || typeof value.$ref !== 'string') return nested;
  const path = value.$ref.replace(/^#\//, '').split('/');
  return [[value.$ref, path.reduce((at: any, key) => at?.[key], document)], ...nested];
}

/** Draft 7 has `definitions`; of `$ref`s only those into the document's own schemas are used. */
function resolved(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('$ref' in schema) return references(schema)[0]?.[1];
  if (Array.isArray(schema)) return schema.map(resolved);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value)]));
}

describe('the AsyncAPI document', () => {
  it('has the parts that version 3.0 asks for', () => {
    expect(document).toMatchObject({ asyncapi: '3.0.0', info: { title: 'hashi-socket', version: '1.2.3' } });
    for (const server of Object.values<any>(document.servers)) {
      expect(server).toMatchObject({ host: expect.any(String), protocol: 'ws' });
    }
    for (const operation of Object.values<any>(document.operations)) {
      expect(['send', 'receive']).toContain(operation.action);
      // An operation's messages are those of its channel, named there and not in the components.
      for (const { $ref } of operation.messages) expect($ref).toMatch(/^#\/channels\/root\/messages\//);
    }
    for (const name of Object.keys(messages)) expect(name).toMatch(/^[\w.-]+$/);
  });

  it('points at nothing that is not there', () => {
    const all = references(document);
    expect(all.length).toBeGreaterThan(50);
    for (const [ref, target] of all) expect(target, ref).toBeDefined();
  });

  it('has every event, sent, and every message of a client, received', () => {
    const types = catalog.families.flatMap((one) => Object.keys(one.events));
    expect(types).toHaveLength(24);
    const named = (operation: string) =>
      document.operations[operation].messages.map(({ $ref }: any) => $ref.split('/').at(-1));
    expect(named('sendEvents')).toEqual(types);
    expect(named('answer')).toEqual(['connected', 'pong', 'ack', 'error']);
    expect(named('receiveRequests')).toEqual(['ping', 'subscribe', 'unsubscribe', 'auth']);
    expect(Object.keys(document.channels.root.messages).sort()).toEqual(Object.keys(messages).sort());
  });

  it.each(Object.keys(messages))('%s: its example fits its schema, and a stranger does not', (name) => {
    const { payload, examples } = messages[name];
    const schema = z.fromJSONSchema(resolved(payload) as any);
    expect(examples).toHaveLength(1);
    expect(schema.safeParse(examples[0].payload).error).toBeUndefined();
    expect(schema.safeParse({ type: 'stranger', data: {} }).success).toBe(false);
    if (name.includes('.')) {
      const { data, ...rest } = examples[0].payload;
      expect(schema.safeParse({ ...rest, data: { ...data, more: 1 } }).success).toBe(false);
      expect(schema.safeParse({ ...examples[0].payload, id: 'x-1' }).success).toBe(true);
    }
  });

  it("describes a project's own families too", () => {
    const tasks = table('tasks', { id: 'uuid', label: 'text', points: 'numeric?', done: 'boolean' });
    const task = family('task:event', {
      table: tasks,
      keys: { taskId: column(tasks, 'id') },
      audience: everyone,
      events: { 'task.created': inserted() },
      payload: object(columns(tasks, 'id', 'label', 'points', 'done')),
    });
    const own = asyncApi({ families: [task], rights: [] }, '1.0.0') as any;
    expect(own.components.messages['task.created'].examples[0].payload.data.payload).toMatchObject({
      label: 'text',
      points: '1',
      done: true,
    });
  });
});
