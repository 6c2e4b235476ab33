import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const namesIn = (text: string) =>
  [...text.matchAll(/\b(hashi_[a-z_]+|process_[a-z_]+)/g)].map((match) => match[1] as string);

/** A histogram's series bear suffixes that the registry does not list. */
const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');

describe.each(['deploy/grafana/dashboard.json', 'deploy/prometheus/alerts.yaml'])('%s', (file) => {
  it('names only metrics that a server serves', async () => {
    const text = await readFile(new URL(`../../../${file}`, import.meta.url), 'utf8');
    const { body } = await createMetrics().scrape();
    const served = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]));
    const named = namesIn(text);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !served.has(name) && !served.has(base(name)))).toEqual([]);
  });
});
