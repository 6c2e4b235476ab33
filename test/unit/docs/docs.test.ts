import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { docsFolder, generatedDocs } from '../../../scripts/docs.js';
import { catalog } from '../../../src/catalog/index.js';
import { messageSchema } from '../../../src/catalog/schemas.js';
import { settingNames } from '../../../src/config.js';
import { exampleOf } from '../../../src/docs/examples.js';
import { clientMessages, serverMessages } from '../../../src/docs/messages.js';
import { closeCodes, errorMessages } from '../../../src/errors.js';
import { parseFrame } from '../../../src/protocol/client-message.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const docs = await generatedDocs();
const page = (name: string) => docs.get(name) ?? '';

describe('the generated docs', () => {
  it.each([...docs.keys()])('docs/%s is what "npm run docs" writes', async (name) => {
    expect(await readFile(new URL(name, docsFolder), 'utf8')).toBe(docs.get(name));
  });

  it('name every event, error, close code, setting and metric', () => {
    for (const type of catalog.families.flatMap((family) => Object.keys(family.events))) {
      expect(page('events.md')).toContain(`### ${type}\n`);
    }
    for (const code of Object.keys(errorMessages)) expect(page('errors.md')).toContain(`\n| \`${code}\``);
    for (const code of Object.values(closeCodes))
      expect(page('errors.md')).toMatch(new RegExp(`^\\| ${code} `, 'm'));
    for (const name of settingNames) expect(page('settings.md')).toContain(`\n| \`${name}\``);
    const { registry } = createMetrics();
    const names = registry.getMetricsAsArray().map(({ name }) => name);
    const ours = names.filter((name) => name.startsWith('hashi_'));
    expect(ours.length).toBeGreaterThan(20);
    for (const name of ours) expect(page('metrics.md')).toContain(`\n| \`${name}\``);
  });

  it('speak of metrics and settings that exist', () => {
    const all = [...docs.values()].join('\n');
    const { registry } = createMetrics();
    const metrics = new Set(registry.getMetricsAsArray().map(({ name }) => name));
    for (const [name] of all.matchAll(/\bhashi_(?!installer|server)[a-z_]+/g))
      expect([...metrics]).toContain(name);
    for (const [name] of all.matchAll(/\bHASHI_[A-Z_]+[A-Z]\b/g)) expect(settingNames).toContain(name);
  });

  it('link to pages and headings that are there', async () => {
    const slugs = (text: string) =>
      [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\w\s-]/g, '')
          .replaceAll(/\s+/g, '-'),
      );
    for (const [name, text] of docs) {
      for (const [, file = '', anchor = ''] of text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
        const target = file === '' ? text : docs.get(file);
        expect(target, `${name} links to ${file}`).toBeDefined();
        if (anchor !== '') expect(slugs(target ?? ''), `${name} links to #${anchor}`).toContain(anchor);
      }
    }
  });
});

describe('the examples', () => {
  const events = catalog.families.flatMap((family) =>
    Object.keys(family.events).map((type) => ({ type, family })),
  );

  it.each(events)('$type is a message that the catalogue allows', ({ type, family }) => {
    const message = { type: family.name, data: exampleOf(family, type) };
    expect(messageSchema(family).safeParse(message).error).toBeUndefined();
  });

  it('show what an event is about', () => {
    const example = (type: string) => {
      const family = catalog.families.find(({ events }) => type in events);
      return family && (exampleOf(family, type) as any);
    };
    expect(example('contract.created').payload).toMatchObject({
      status: 'created',
      initializedAt: null,
      players: [],
    });
    expect(example('contract.payment_transferred').payload.players).toMatchObject([{ outcome: null }]);
    expect(example('contract.payment_transferred').payload.players[0].fundedAt).not.toBeNull();
    expect(example('lobby.joined').payload).toMatchObject({ playerId: 'did:privy:bob', participantCount: 1 });
    expect(example('lobby.created').payload).toMatchObject({ playerId: null, participantCount: 0 });
    expect(example('storage.multipart_aborted').payload.storage).toMatchObject({
      kind: 'multipart',
      status: 'aborted',
    });
    expect(example('bounty.claimed').payload).toMatchObject({ status: 'claimed', completedAt: null });
  });

  it.each(serverMessages)('$name from the server fits its schema', ({ schema, example }) => {
    expect(schema.safeParse(example).error).toBeUndefined();
  });

  it.each(clientMessages)(
    '$name from a client fits its schema, and the server takes it',
    ({ name, schema, example }) => {
      expect(schema.safeParse(example).error).toBeUndefined();
      expect(parseFrame(JSON.stringify(example))).toMatchObject({ ok: true, message: { type: name } });
    },
  );
});
