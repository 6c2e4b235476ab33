/** OpenTelemetry spans, when asked for: a client's authentication, and each batch of the log until it has been handed out. */
import type { IncomingHttpHeaders } from 'node:http';
import type * as OpenTelemetry from '@opentelemetry/api';
import { OperatorError, ProtocolError } from '../errors.js';
import type { LogEntry } from '../log/entry.js';

/** Spans hold counts, places in the log and error codes: no token, no player, nothing of a payload. */
export interface Tracing {
  /** Runs `route` in a span of its own. */
  batch(entries: readonly LogEntry[], route: () => void): void;
  /** Runs `authenticate` in a span that continues the trace that the client's request names. */
  authentication(
    headers: IncomingHttpHeaders,
    transport: string,
    authenticate: () => Promise<void>,
  ): Promise<void>;
}

/** @throws OperatorError where OpenTelemetry's API is not installed */
export async function loadTracing(
  load: () => Promise<typeof OpenTelemetry> = () => import('@opentelemetry/api'),
): Promise<Tracing> {
  const { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = await load().catch((cause: unknown) => {
    throw new OperatorError(
      'HASHI_TRACE_CONTEXT is true, but the package @opentelemetry/api cannot be loaded: run "npm install @opentelemetry/api", or unset HASHI_TRACE_CONTEXT.',
      { cause },
    );
  });
  const tracer = trace.getTracer('hashi-socket');

  return {
    batch(entries, route) {
      const attributes = {
        'hashi.entries': entries.length,
        'hashi.first_seq': entries[0]?.seq ?? 0,
        'hashi.last_seq': entries.at(-1)?.seq ?? 0,
      };
      // A batch is of many transactions: it continues no trace.
      const span = tracer.startSpan('hashi.batch', { kind: SpanKind.CONSUMER, attributes }, ROOT_CONTEXT);
      try {
        route();
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    },

    async authentication(headers, transport, authenticate) {
      const remote = traceParent(headers['traceparent']);
      const parent = remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
      const span = tracer.startSpan(
        'hashi.authenticate',
        { kind: SpanKind.SERVER, attributes: { 'hashi.transport': transport } },
        parent,
      );
      try {
        // What is asked of a key server meanwhile belongs to it.
        await context.with(trace.setSpan(parent, span), authenticate);
      } catch (error) {
        // The code alone: an exception's text may quote what the client has sent.
        const code = error instanceof ProtocolError ? error.code : 'INTERNAL_ERROR';
        span.setAttribute('hashi.error_code', code).setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    },
  };
}

/** As the W3C's Trace Context writes it; undefined for anything else, for clients may send what they like. */
export function traceParent(header: string | string[] | undefined): OpenTelemetry.SpanContext | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/.exec(header.slice(0, 256)) ?? [];
  // Later versions may say more; 00 may not, and ff is none.
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}
