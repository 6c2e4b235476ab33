import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const namesIn = (text: string) =>
  [...text.matchAll(/\b(hashi_[a-z_]+|process_[a-z_]+)/g)].map((match) => match[1] as string);

/** A histogram's series bear suffixes that the registry does not list. */
const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');

it('has every alert that an operator needs, each with what to do', async () => {
  const text = await readFile(new URL('../../../deploy/prometheus/alerts.yaml', import.meta.url), 'utf8');
  const rules = text.split(/^ +- alert: /m).slice(1);
  for (const metric of [
    'hashi_log_lag_seconds',
    'hashi_quarantined_total',
    'hashi_notification_queue_usage_ratio',
    'hashi_slow_consumers_total',
    'hashi_auth_failures_total',
  ]) {
    expect(
      rules.some((rule) => new RegExp(`expr: .*${metric}`).test(rule)),
      metric,
    ).toBe(true);
  }
  for (const rule of rules)
    expect(rule).toMatch(/severity: (page|ticket)[\s\S]*summary: [\s\S]*description: /);
});

it('runs as a user whom Kubernetes can tell from root', async () => {
  const read = (file: string) => readFile(new URL(`../../../${file}`, import.meta.url), 'utf8');
  // By a name, runAsNonRoot refuses to start the container.
  expect(await read('Dockerfile')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  expect(await read('deploy/kubernetes/hashi-socket.yaml')).toMatch(
    /runAsNonRoot: true\n +runAsUser: 1000\n/,
  );
});

it('is given time to bring the database up to date before it must be alive', async () => {
  const text = await readFile(
    new URL('../../../deploy/kubernetes/hashi-socket.yaml', import.meta.url),
    'utf8',
  );
  const [, path, period, failures] =
    /startupProbe:\s+httpGet: \{ path: (\S+), .*\}\s+periodSeconds: (\d+)\s+failureThreshold: (\d+)/.exec(
      text,
    ) ?? [];
  expect(path).toBe('/healthz');
  expect(Number(period) * Number(failures)).toBeGreaterThanOrEqual(300);
  expect(text).toMatch(/livenessProbe:\s+httpGet: \{ path: \/healthz/);
  expect(text).toMatch(/readinessProbe:\s+httpGet: \{ path: \/readyz/);
});

it("follows Prometheus's conventions for names", () => {
  const metrics = createMetrics()
    .registry.getMetricsAsArray()
    .filter(({ name }) => name.startsWith('hashi_'));
  expect(metrics.length).toBeGreaterThan(20);
  for (const metric of metrics) {
    expect(metric.name).toMatch(/^[a-z]+(_[a-z]+)+$/);
    // Counters, and nothing else, end in _total; times are in seconds, sizes in bytes.
    expect(metric.name.endsWith('_total'), metric.name).toBe(metric.constructor.name === 'Counter');
    expect(metric.name).not.toMatch(/_(ms|milliseconds|kb|mb|percent|count|sum|bucket)(_|$)/);
    expect(metric.help, metric.name).toMatch(/\.$/);
  }
});

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
