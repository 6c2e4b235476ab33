/** The command line in this process, on a migrated database of its own; its processes are ended after each test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { settingNames } from '../../src/config.js';
import type { Child } from '../support/child.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

export let dataDir: string;
export let database: TestDatabase;
export const children: Child[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-cli-'));
  database = await createDatabase();
  expect((await hashi(['migrate'])).code).toBe(0);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) {
    child.signal('SIGKILL');
    await child.exited;
  }
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

export async function hashi(args: string[], env: Record<string, string> = {}) {
  const all: Record<string, string> = {
    HASHI_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    NO_COLOR: '1',
    ...env,
  };
  for (const name of new Set([...settingNames, ...Object.keys(all)])) vi.stubEnv(name, all[name]);
  let out = '';
  let err = '';
  const code = await run(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err, json: () => JSON.parse(out) };
}

/** The results of `doctor`, by check; several of one check are joined. */
export async function doctor(env: Record<string, string> = {}) {
  const { code, json } = await hashi(['doctor', '--json'], env);
  const { ok, results } = json() as {
    ok: boolean;
    results: { check: string; status: string; detail: string; fix?: string }[];
  };
  expect(ok).toBe(code === 0);
  return { code, results, of: (check: string) => results.filter((result) => result.check === check) };
}
