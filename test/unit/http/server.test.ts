import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpHandler, type HttpHandlerOptions } from '../../../src/http/server.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const metrics = createMetrics();
const html = Buffer.from('<!doctype html><title>ü</title>');
const pages = new Map([
  ['/', { contentType: 'text/html; charset=utf-8', body: html }],
  ['/asyncapi.json', { contentType: 'application/json', body: Buffer.from('{}') }],
]);
let server: Server | undefined;

async function listen(options: Partial<HttpHandlerOptions> = {}): Promise<number> {
  const readiness = () => ({ ready: true, checks: { database: { ok: true } } });
  server = createServer(createHttpHandler({ metrics, readiness, pages, ...options }));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

function ask(
  port: number,
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    request({ port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    })
      .on('error', reject)
      .end();
  });
}

/** What Node's client refuses to send. */
function raw(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('end', () => resolve(text)).on('error', reject);
  });
}

describe('the HTTP handler', () => {
  it('says that the process is alive', async () => {
    const { status, body, headers } = await ask(await listen(), '/healthz');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ status: 'ok' });
    expect(headers['cache-control']).toBe('no-store');
  });

  it('says whether it is ready, and what is not', async () => {
    let ready = false;
    const port = await listen({
      readiness: () => ({ ready, checks: { listener: { ok: ready, detail: 'connecting' } } }),
    });
    const before = await ask(port, '/readyz');
    expect(before.status).toBe(503);
    expect(JSON.parse(before.body).checks).toEqual({ listener: { ok: false, detail: 'connecting' } });
    ready = true;
    expect((await ask(port, '/readyz?x=1')).status).toBe(200);
  });

  it('shows metrics to everyone when no token is set', async () => {
    const { status, headers, body } = await ask(await listen(), '/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toContain('hashi_ready');
  });

  it('collects metrics once for all who ask at the same time, and anew for who asks later', async () => {
    let collected = 0;
    const scrape = async () => {
      collected++;
      if (collected === 2) throw new Error('a bug');
      return metrics.scrape();
    };
    const port = await listen({ metrics: { scrape } });
    const { body } = await ask(port, '/metrics');
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100));
    await expect.poll(() => text.match(/HTTP\/1\.1 500 /g)?.length).toBe(100);
    expect(collected).toBe(2);
    expect((await ask(port, '/metrics')).body.length).toBeGreaterThan(body.length / 2);
    expect(collected).toBe(3);
    socket.destroy();
  });

  it('shows metrics to the bearer of the token alone', async () => {
    const port = await listen({ metricsToken: 'right-token' });
    for (const authorization of [undefined, 'Bearer', 'Bearer wrong', 'right-token', 'Bearer right-token2']) {
      const { status, headers, body } = await ask(
        port,
        '/metrics',
        'GET',
        authorization ? { authorization } : {},
      );
      expect(status, authorization).toBe(401);
      expect(headers['www-authenticate']).toBe('Bearer');
      expect(body).not.toContain('hashi_');
    }
    const { status } = await ask(port, '/metrics', 'GET', { authorization: 'bearer right-token' });
    expect(status).toBe(200);
  });

  it('serves pages, html under a strict policy', async () => {
    const port = await listen();
    const page = await ask(port, '/?token=x');
    expect(page.status).toBe(200);
    expect(page.body).toBe(html.toString());
    expect(page.headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    const json = await ask(port, '/asyncapi.json');
    expect(json.headers['content-type']).toBe('application/json');
    expect(json.headers['content-security-policy']).toBeUndefined();
  });

  it('packs a page for who can unpack it, and for nobody else', async () => {
    const port = await listen();
    const packed = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'Accept-Encoding': 'br, gzip' } });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(await packed.text()).toBe(html.toString());
    for (const encoding of ['identity', 'gzip;q=0', 'br, gzip; q=0.000']) {
      const { headers, body } = await ask(port, '/', 'GET', { 'Accept-Encoding': encoding });
      expect(headers['content-encoding'], encoding).toBeUndefined();
      expect(headers.vary).toBe('Accept-Encoding');
      expect(body).toBe(html.toString());
    }
    expect(
      (await ask(port, '/', 'GET', { 'Accept-Encoding': 'gzip;q=0.5' })).headers['content-encoding'],
    ).toBe('gzip');
  });

  it('hands a POST to who takes it, and a GET there to nobody', async () => {
    const posts = new Map([['/do', async () => ({ status: 403, value: { error: 'no' } })]]);
    const port = await listen({ posts });
    const { status, body, headers } = await ask(port, '/do', 'POST');
    expect([status, JSON.parse(body), headers.connection]).toEqual([403, { error: 'no' }, 'close']);
    const got = await ask(port, '/do');
    expect([got.status, got.headers.allow]).toEqual([405, 'POST']);
  });

  it('puts the security headers on everything', async () => {
    const port = await listen();
    for (const path of ['/', '/healthz', '/metrics', '/nowhere']) {
      const { headers } = await ask(port, path);
      expect(headers, path).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      });
    }
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const { status, headers, body } = await ask(await listen(), '/', 'HEAD');
    expect(status).toBe(200);
    expect(headers['content-length']).toBe(String(html.length));
    expect(body).toBe('');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('answers %s with 405', async (method) => {
    const { status, headers } = await ask(await listen(), '/healthz', method);
    expect(status).toBe(405);
    expect(headers.allow).toBe('GET, HEAD');
  });

  it.each([
    '//',
    '///healthz',
    '*',
    '/%',
    '/%zz',
    '/%00',
    '/..%2f..%2fetc/passwd',
    '/../package.json',
    '/__proto__',
    '/healthz/',
    '/\\',
    '/é',
  ])('answers 404 to %s and goes on', async (target) => {
    const port = await listen();
    expect(await raw(port, target)).toMatch(/^HTTP\/1\.1 40[04] /);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });

  it('takes a whole URL as target', async () => {
    expect(await raw(await listen(), 'http://example.com/healthz?x')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('tells a failure to the log and not to the client', async () => {
    const logged: unknown[] = [];
    const port = await listen({
      readiness: () => {
        throw new Error('an internal');
      },
      logger: { error: (entry: unknown) => void logged.push(entry) },
    });
    const { status, body } = await ask(port, '/readyz');
    expect(status).toBe(500);
    expect(JSON.parse(body)).toEqual({ error: 'Internal error' });
    expect(logged).toHaveLength(1);
  });
});
