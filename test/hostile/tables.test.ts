/** The tables of threats and limits name tests, settings and metrics: all of them are there, and no limit is left out. */
import { access, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { settingNames } from '../../src/config.js';
import { errorMessages } from '../../src/errors.js';
import { createMetrics } from '../../src/telemetry/metrics.js';

const root = new URL('../../', import.meta.url);
const security = await readFile(new URL('SECURITY.md', root), 'utf8');
const limits = await readFile(new URL('docs/limits.md', root), 'utf8');
const rowsOf = (text: string) =>
  text.split('\n').filter((line) => /^\| [^-|]/.test(line) || /^\| {2}/.test(line));
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

async function missing(files: readonly string[]): Promise<string[]> {
  const absent: string[] = [];
  for (const file of new Set(files)) {
    const path = file.startsWith('test/') ? file : `test/hostile/${file}`;
    await access(new URL(path, root)).catch((_gone: unknown) => absent.push(file));
  }
  return absent;
}

it('SECURITY.md names tests that exist, one for every threat', async () => {
  const rows = rowsOf(security).slice(1);
  expect(rows.length).toBeGreaterThan(25);
  const files = rows.map((row) => quoted(row.split('|').at(-2) ?? ''));
  expect(rows.filter((_row, at) => files[at]?.length === 0)).toEqual([]);
  expect(await missing(files.flat())).toEqual([]);
});

it('SECURITY.md and docs/limits.md name settings that exist', () => {
  const named = quoted(security + limits).filter((word) => /^(HASHI|AUTH)_[A-Z_]+$/.test(word));
  const known: readonly string[] = [...settingNames, ...Object.keys(errorMessages)];
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

it('docs/limits.md has every limit: its setting, metrics that are measured, tests that exist', async () => {
  const columns = rowsOf(limits)
    .map((row) => row.split('|').slice(1, -1))
    .filter((cells) => cells[3]?.trim() !== 'metric');
  const { registry } = createMetrics();
  const measured = (await registry.getMetricsAsJSON()).map(({ name }) => name);
  const metrics = columns
    .flatMap((cells) => quoted(cells[3] ?? ''))
    .filter((word) => word.startsWith('hashi_'));
  expect(metrics.filter((metric) => !measured.includes(metric.replace(/\{.*/, '')))).toEqual([]);
  expect(columns.filter((cells) => quoted(cells[3] ?? '').length === 0)).toEqual([]);
  expect(await missing(columns.flatMap((cells) => quoted(cells[4] ?? '')))).toEqual([]);
  // What its name says is a limit.
  const limiting = settingNames.filter((name) =>
    /_(MAX|TIMEOUT|PER_SECOND|BURST|RETENTION|HEARTBEAT|DRAIN)_?/.test(name),
  );
  expect(limiting.filter((name) => !limits.includes(`\`${name}\``))).toEqual([]);
});
