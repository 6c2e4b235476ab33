import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { docsFolder, generatedDocs } from '../../../scripts/docs.js';
import { catalog } from '../../../src/catalog/index.js';
import { messageSchema } from '../../../src/catalog/schemas.js';
import { settingNames } from '../../../src/config.js';
import { slug } from '../../../src/docs/html.js';
import { pageNames } from '../../../src/docs/pages.js';
import { exampleOf } from '../../../src/docs/examples.js';
import { clientMessages, serverMessages } from '../../../src/docs/messages.js';
import { closeCodes, errorMessages } from '../../../src/errors.js';
import { parseFrame } from '../../../src/protocol/client-message.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const docs = await generatedDocs();
const page = (name: string) => docs.get(name) ?? '';

const root = new URL('../../../', import.meta.url);
const inRoot = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
const inDocs = (await readdir(docsFolder)).filter((name) => name.endsWith('.md'));
/** Every document of the repository, by its path in it. */
const documents = new Map(
  await Promise.all(
    [...inRoot, ...inDocs.map((name) => `docs/${name}`)].map(
      async (path) => [path, await readFile(new URL(path, root), 'utf8')] as const,
    ),
  ),
);
const withoutFences = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, '');

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
});

describe('all documents', () => {
  it('that lie in docs/ are pages of the site', () => {
    expect(inDocs.map((name) => name.replace(/\.md$/, '')).sort()).toEqual([...pageNames].sort());
  });

  it('speak of metrics and settings that exist', () => {
    const { registry } = createMetrics();
    const metrics = new Set(registry.getMetricsAsArray().map(({ name }) => name));
    for (const [path, text] of documents) {
      for (const [name] of text.matchAll(/\bhashi_(?!installer|server)[a-z_]+/g))
        expect([...metrics], path).toContain(name);
      for (const [name] of text.matchAll(/\bHASHI_[A-Z_]+[A-Z]\b/g))
        expect(settingNames, path).toContain(name);
    }
  });

  it.each([...documents.keys()])('%s links to files and headings that are there', (path) => {
    const text = withoutFences(documents.get(path) ?? '');
    for (const [, target = '', anchor] of text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
      if (/^https?:/.test(target)) continue;
      const url = target === '' ? new URL(path, root) : new URL(target, new URL(path, root));
      expect(existsSync(url), `to ${target}`).toBe(true);
      if (anchor === undefined) continue;
      const there = documents.get(url.href.slice(root.href.length)) ?? '';
      const slugs = [...withoutFences(there).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        slug(heading),
      );
      expect(slugs, `to ${target}#${anchor}`).toContain(anchor);
    }
  });

  it.each(['docs/architecture.md', 'CONTRIBUTING.md'])(
    '%s names files and scripts that are there',
    async (path) => {
      const text = documents.get(path) ?? '';
      const files = [
        ...text.matchAll(/`((?:src|test|migrations|scripts|bench|deploy|examples|docs)\/[^`\s*]*)`/g),
      ];
      expect(files.length).toBeGreaterThan(4);
      // Artefacts are there once the browser tests have made them.
      for (const [, file = ''] of files)
        expect(file.startsWith('test/artifacts') || existsSync(new URL(file, root)), file).toBe(true);
      const { scripts } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
      for (const [, script = ''] of text.matchAll(/npm run ([\w:-]+)/g))
        expect(scripts).toHaveProperty([script]);
    },
  );
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
