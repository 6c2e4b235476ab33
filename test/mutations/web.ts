/** What web pages may, ours and foreign ones: each defence with a change that takes it away. */
import type { Mutation } from './mutations.js';

const handshakes = 'test/hostile/handshakes.test.ts';
const web = 'test/hostile/web.test.ts';
const desk = 'test/integration/development.test.ts';

export const webMutations: readonly Mutation[] = [
  {
    name: 'hostile: answer JSONP',
    file: 'src/transports/front.ts',
    from: `if (queryOf(request)['j'] !== undefined) return refuse`,
    to: `if (queryOf(request)['j'] === '\\0') return refuse`,
    test: handshakes,
    only: 'refuses JSONP',
  },
  {
    name: 'hostile: let a foreign origin connect',
    file: 'src/transports/gate.ts',
    from: 'return allowedOrigins.length === 0 && URL.canParse(origin) && new URL(origin).host === host;',
    to: 'return URL.canParse(origin) || host === origin;',
    test: web,
    only: 'is answered on raw',
  },
  {
    name: 'hostile: let browsers guess what a page is',
    file: 'src/http/server.ts',
    from: `'X-Content-Type-Options': 'nosniff',`,
    to: '',
    test: web,
    only: 'pages',
  },
  {
    name: 'hostile: let browsers guess what a poll brings',
    file: 'src/transports/front.ts',
    from: `response.setHeader('X-Content-Type-Options', 'nosniff');`,
    to: '',
    test: web,
    only: 'what the answer is',
  },
  {
    name: 'hostile: run inline scripts',
    file: 'src/http/server.ts',
    from: `"script-src 'self'",`,
    to: `"script-src 'self' 'unsafe-inline'",`,
    test: web,
    only: 'runs no inline script',
  },
  {
    name: 'hostile: let pages be framed',
    file: 'src/http/server.ts',
    from: `"frame-ancestors 'none'",`,
    to: '',
    test: web,
    only: 'framed by nobody',
  },
  {
    name: 'hostile: let pages be framed by old browsers',
    file: 'src/http/server.ts',
    from: `'X-Frame-Options': 'DENY',`,
    to: '',
    test: web,
    only: 'framed by nobody',
  },
  {
    name: 'hostile: tell other sites where one comes from',
    file: 'src/http/server.ts',
    from: `'Referrer-Policy': 'no-referrer',`,
    to: '',
    test: web,
    only: 'pages',
  },
  {
    name: 'hostile: open the desk to names that are made to resolve to this machine',
    file: 'src/development/guard.ts',
    from: `|| !isLoopback(new URL(url).hostname)) return 'host';`,
    to: `) return 'host';`,
    test: desk,
  },
  {
    name: 'hostile: open the desk to pages of other origins',
    file: 'src/development/guard.ts',
    from: `if (origin !== url) return 'origin';`,
    to: '',
    test: desk,
  },
  {
    name: 'hostile: open the desk to whom a proxy brings',
    file: 'src/development/guard.ts',
    from: `if (proxyHeaders.some((name) => headers[name] !== undefined)) return 'proxy';`,
    to: '',
    test: desk,
  },
  {
    name: 'hostile: open the desk though others than this machine may connect',
    file: 'src/server.ts',
    from: 'if (mint === undefined || config.production || !isLoopback(config.host)) return undefined;',
    to: 'if (mint === undefined || config.production) return undefined;',
    test: desk,
  },
];
