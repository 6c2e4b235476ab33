import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/telemetry/metrics.js';

describe('createMetrics', () => {
  it('names everything hashi_…, with help, beside the metrics of the process', async () => {
    const { body, contentType } = await createMetrics().scrape();
    expect(contentType).toContain('text/plain');
    const names = [...body.matchAll(/^# TYPE (hashi_\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    expect(names.sort()).toEqual([
      'hashi_auth_failures_total counter',
      'hashi_client_messages_total counter',
      'hashi_closes_total counter',
      'hashi_commit_to_send_seconds histogram',
      'hashi_connections gauge',
      'hashi_database_up gauge',
      'hashi_deliveries_total counter',
      'hashi_dropped_oversize_events_total counter',
      'hashi_errors_total counter',
      'hashi_events_total counter',
      'hashi_listener_reconnects_total counter',
      'hashi_log_lag_events gauge',
      'hashi_log_lag_seconds gauge',
      'hashi_notification_queue_usage_ratio gauge',
      'hashi_oversize_messages_total counter',
      'hashi_quarantined_events gauge',
      'hashi_quarantined_total counter',
      'hashi_rate_limited_total counter',
      'hashi_ready gauge',
      'hashi_refused_tokens_total counter',
      'hashi_refused_total counter',
      'hashi_resumes_total counter',
      'hashi_resyncs_total counter',
      'hashi_sequencer_batch_events histogram',
      'hashi_sequencer_batches_total counter',
      'hashi_slow_consumers_total counter',
      'hashi_socketio_closes_total counter',
      'hashi_unsent_bytes gauge',
    ]);
    expect(body).toContain('process_cpu_seconds_total');
    expect(body).toContain('nodejs_eventloop_lag_seconds');
  });

  it('shows what alerts look at from the start, at 0', async () => {
    const { body } = await createMetrics().scrape();
    for (const series of [
      'hashi_auth_failures_total{code="AUTH_ERROR"}',
      'hashi_auth_failures_total{code="AUTH_UNAVAILABLE"}',
      'hashi_refused_total{reason="address"}',
      'hashi_resumes_total{result="failed"}',
      'hashi_quarantined_total',
      'hashi_slow_consumers_total',
    ])
      expect(body).toContain(`\n${series} 0\n`);
  });

  it('counts on the hot path in plain numbers, read at each scrape', async () => {
    const metrics = createMetrics();
    metrics.deliveriesTotal.websocket += 1000;
    metrics.eventsTotal.add('contract.created');
    metrics.eventsTotal.add('contract.created', 2);
    const first = (await metrics.scrape()).body;
    expect(first).toContain('hashi_deliveries_total{transport="websocket"} 1000');
    expect(first).toContain('hashi_deliveries_total{transport="socketio"} 0');
    expect(first).toContain('hashi_events_total{type="contract.created"} 3');
    metrics.deliveriesTotal.websocket += 1;
    const second = (await metrics.scrape()).body;
    expect(second).toContain('hashi_deliveries_total{transport="websocket"} 1001');
    expect(second).toContain('hashi_events_total{type="contract.created"} 3');
  });

  it('runs the samplers before it reads the gauges', async () => {
    const metrics = createMetrics();
    metrics.beforeScrape(() => metrics.unsentBytes.set(7));
    expect((await metrics.scrape()).body).toContain('hashi_unsent_bytes 7');
  });

  it('keeps two servers in one process apart', async () => {
    const one = createMetrics();
    const other = createMetrics();
    one.connections.inc({ transport: 'socketio' });
    expect((await one.scrape()).body).toContain('hashi_connections{transport="socketio"} 1');
    expect((await other.scrape()).body).toContain('hashi_connections{transport="socketio"} 0');
  });

  it('measures latency from one millisecond to ten seconds', async () => {
    const metrics = createMetrics();
    metrics.commitToSendSeconds.observe(0.0031);
    const { body } = await metrics.scrape();
    expect(body).toContain('hashi_commit_to_send_seconds_bucket{le="0.001"} 0');
    expect(body).toContain('hashi_commit_to_send_seconds_bucket{le="0.005"} 1');
    expect(body).toContain('hashi_commit_to_send_seconds_bucket{le="10"} 1');
  });
});
