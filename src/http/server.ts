/** Answers plain HTTP: health, metrics and the pages; upgrades to WebSocket and /socket.io/ are routed before it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface Readiness {
  readonly ready: boolean;
  /** By what is checked; `detail` is public and must hold no internals. */
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

export interface Page {
  readonly contentType: string;
  readonly body: Buffer;
}

export interface HttpHandlerOptions {
  readonly metrics: Pick<Metrics, 'scrape'>;
  readonly readiness: () => Readiness;
  /** Asked of who reads /metrics; open when absent. */
  readonly metricsToken?: string | undefined;
  /** By path, `/` for the console. */
  readonly pages: ReadonlyMap<string, Page>;
  /** Answered with JSON, by path and to POST alone; each decides itself who may. */
  readonly posts?: ReadonlyMap<string, PostRoute>;
  /** Told of our own bugs; the client is told nothing of them. */
  readonly logger?: Pick<Logger, 'error'>;
}

export type PostRoute = (
  request: IncomingMessage,
) => Promise<{ readonly status: number; readonly value: object }>;

/** Answers a request, whatever it holds; never throws and never rejects. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const everywhere = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The sockets of the same origin are among them.
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export function createHttpHandler(options: HttpHandlerOptions): HttpHandler {
  const routes = routesOf(options);
  return (request, response) => {
    const method = request.method ?? 'GET';
    const path = pathOf(request.url);
    const post = options.posts?.get(path);
    const answering = post ? respondToPost(post, request) : respond(routes.get(path), request);
    answering
      .catch((error: unknown) => {
        options.logger?.error({ err: error }, 'an HTTP request failed');
        return json(500, { error: 'Internal error' });
      })
      .then((answer) => send(response, answer, method === 'HEAD'))
      // Left to fail here is writing to a socket that is gone.
      .catch(() => response.destroy());
  };
}

type Route = (request: IncomingMessage) => Answer | Promise<Answer>;

async function respond(route: Route | undefined, request: IncomingMessage): Promise<Answer> {
  if (route === undefined) return json(404, { error: 'Not found' });
  if (request.method === 'GET' || request.method === 'HEAD') return route(request);
  return { ...json(405, { error: 'Method not allowed' }), headers: { Allow: 'GET, HEAD' } };
}

async function respondToPost(post: PostRoute, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'POST') {
    return { ...json(405, { error: 'Method not allowed' }), headers: { Allow: 'POST' } };
  }
  const { status, value } = await post(request);
  // What is left of a refused request is not read.
  return { ...json(status, value), ...(status >= 400 && { headers: { Connection: 'close' } }) };
}

function routesOf({
  metrics,
  readiness,
  metricsToken,
  pages,
}: HttpHandlerOptions): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const [path, { contentType, body }] of pages) {
    const headers = { 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding' };
    const page = { status: 200, contentType, body, headers };
    let packed: Answer | undefined;
    routes.set(path, (request) => {
      if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(String(request.headers['accept-encoding'])))
        return page;
      return (packed ??= {
        ...page,
        body: gzipSync(body),
        headers: { ...headers, 'Content-Encoding': 'gzip' },
      });
    });
  }
  const admits = metricsToken === undefined ? () => true : bearerCheck(metricsToken);
  routes.set('/healthz', () => json(200, { status: 'ok' }));
  routes.set('/readyz', () => {
    const { ready, checks } = readiness();
    return json(ready ? 200 : 503, { status: ready ? 'ready' : 'unavailable', checks });
  });
  let scraping: ReturnType<typeof metrics.scrape> | undefined;
  // It takes milliseconds: whoever asks a thousand times in one breath is told the same.
  const scrape = () => (scraping ??= metrics.scrape().finally(() => (scraping = undefined)));
  routes.set('/metrics', async (request) => {
    if (!admits(request.headers.authorization)) {
      return { ...json(401, { error: 'Unauthorized' }), headers: { 'WWW-Authenticate': 'Bearer' } };
    }
    return { status: 200, ...(await scrape()) };
  });
  return routes;
}

/** The path as it was sent, never decoded: `//`, `*` and bad escapes are just paths nobody has. */
function pathOf(url = '/'): string {
  const target = url.replace(/^https?:\/\/[^/?#]*/i, '');
  const path = target.split(/[?#]/, 1)[0] ?? '';
  return path === '' ? '/' : path;
}

/** Compares digests, so that neither the length nor the first wrong letter shows in the time it takes. */
function bearerCheck(token: string): (header: string | undefined) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const wanted = digest(token);
  return (header = '') => timingSafeEqual(digest(/^Bearer +(.*)$/i.exec(header)?.[1] ?? ''), wanted);
}

function json(status: number, value: unknown): Answer {
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: `${JSON.stringify(value)}\n`,
  };
}

function send(response: ServerResponse, answer: Answer, headOnly: boolean): void {
  const { status, contentType, body, headers } = answer;
  response.writeHead(status, {
    ...everywhere,
    'Cache-Control': 'no-store',
    ...(contentType.startsWith('text/html') ? { 'Content-Security-Policy': contentSecurityPolicy } : {}),
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(headOnly ? undefined : body);
}
