/** No copy of a package with a known hole may be installed, nested ones included: read from the lock file. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

/** The first versions without a known advisory. */
const floors: Record<string, string> = {
  ws: '8.21.0',
  'socket.io-parser': '4.2.7',
  'engine.io': '6.6.9',
};

interface LockFile {
  readonly packages: Record<string, { readonly version?: string }>;
}

const lock = JSON.parse(
  await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'),
) as LockFile;

function atLeast(version: string, floor: string): boolean {
  const [a, b] = [version, floor].map((text) => text.split('-')[0]?.split('.').map(Number) ?? []);
  for (let at = 0; at < 3; at++) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  // A prerelease of the floor comes before it.
  return !version.includes('-');
}

describe.each(Object.entries(floors))('%s', (name, floor) => {
  const copies = Object.entries(lock.packages).filter(
    ([path]) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`),
  );

  it('is in the lock file', () => expect(copies).not.toEqual([]));

  it.each(copies)(`is at least ${floor} at %s`, (_path, { version = '0.0.0' }) => {
    expect(atLeast(version, floor), version).toBe(true);
  });
});

it.each([
  ['8.21.0', true],
  ['8.21.1', true],
  ['9.0.0', true],
  ['8.20.9', false],
  ['8.3.0', false],
  ['8.21.0-beta.1', false],
])('tells that %s is at least 8.21.0: %s', (version, expected) => {
  expect(atLeast(version, '8.21.0')).toBe(expected);
});
