import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from '../../../src/telemetry/logger.js';

const jwt = `${btoa('{"alg":"ES256","typ":"JWT"}')}.${btoa('{"sub":"player"}')}.c2lnbmF0dXJlLXNlY3JldA`;
const password = 'hunter2-hunter2';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    format: 'json',
    ...options,
    destination: { write: (line) => lines.push(line) },
  });
  return { logger, text: () => lines.join(''), entry: () => JSON.parse(lines.at(-1) ?? 'null') };
}

const secrets: [string, unknown, string?][] = [
  ['a token by key', { token: password }],
  ['an authorization header', { headers: { Authorization: `Bearer ${password}` } }],
  ['cookies', { req: { headers: { cookie: `session=${password}`, 'set-cookie': [password] } } }],
  ['a password by key', { database: { password } }],
  ['a presigned URL in camel case', { presignedUrl: `https://s3.example/${password}` }],
  ['a presigned URL in snake case', { row: { presigned_url: `https://s3.example/${password}` } }],
  ['an upload id', { rows: [{ uploadId: password }, { upload_id: password }] }],
  ['a token under another name', { developmentToken: password, 'x-api-key': password }],
  ['the query of a URL', { url: `wss://host.example/path?x=${password}` }],
  ['the query of a path', { url: `/?t=${password}&since=1` }],
  ['a connection string', { url: `postgres://user:${password}@db.example/app` }],
  ['a connection string with @ in its password', { url: `postgres://user:p@ss/${password}@db.example/app` }],
  ['a JWT in a text', { note: `got ${jwt} from a client` }],
  ['a cut JWT', { note: jwt.slice(0, 50) }],
  ['a JWT as a subprotocol', { protocols: ['hashi', `bearer.${jwt}`] }],
  ['a raw header list', { rawHeaders: ['authorization', `Bearer ${password}`] }],
  ['a message', {}, `GET /?token=${password} and token=${password} and Bearer ${password}`],
  ['JSON in a message', {}, `bad message {"type":"auth","data":{"token":"${password}"}}`],
  ['JSON in JSON', { body: JSON.stringify({ inner: JSON.stringify({ token: password }) }) }],
  ['an error', new Error(`connect postgres://u:${password}@db failed`)],
  ['an error under another key', { reason: new Error(`token=${password}`) }],
  ['an error deep inside', { a: { b: [{ error: new Error(`https://x.example/?k=${password} ${jwt}`) }] } }],
  [
    'the causes of an error',
    new Error('outer', {
      cause: new Error('middle', { cause: new Error(`postgresql://u:${password}@h/d ${jwt}`) }),
    }),
  ],
  ['a cause that is a text', new Error('outer', { cause: `token=${password}` })],
  ['the errors of an aggregate', new AggregateError([new Error(`Bearer ${password}`)], `failed ${jwt}`)],
  [
    'what a driver hangs on its error',
    Object.assign(new Error('x'), { detail: password, parameters: [password] }),
  ],
];

describe.each(['json', 'pretty'] as const)('the log as %s', (format) => {
  it.each(secrets)('never shows %s', (_, entry, message = 'message') => {
    const { logger, text } = capture({ format });
    logger.info(entry, message);
    logger.child(entry instanceof Error ? { err: entry } : (entry as object)).warn(message);
    expect(text()).not.toBe('');
    expect(text()).not.toContain(password);
    expect(text()).not.toMatch(/eyJ|c2lnbmF0dXJl|player/);
  });
});

describe('the log', () => {
  it('keeps what helps', () => {
    const { logger, entry } = capture();
    const error = Object.assign(new Error('relation does not exist', { cause: new Error('below') }), {
      code: '42P01',
      severity: 'ERROR',
    });
    logger.error(
      { err: error, url: 'postgres://user:pw@db:5432/app', bad: 'bad token: expired' },
      'query failed',
    );
    expect(entry()).toMatchObject({
      level: 'error',
      msg: 'query failed',
      err: { type: 'Error', message: 'relation does not exist', code: '42P01', cause: { message: 'below' } },
      url: 'postgres://user:***@db:5432/app',
      bad: 'bad token: expired',
    });
    expect(entry().time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(entry().err.stack).toContain('logger.test');
  });

  it('survives causes that go in a circle', () => {
    const { logger, text } = capture();
    const error = new Error('first');
    error.cause = new Error('second', { cause: error });
    logger.error(error);
    expect(text()).toContain('second');
  });

  it('leaves out what is below its level', () => {
    const { logger, text } = capture({ level: 'warn' });
    logger.info('quiet');
    expect(text()).toBe('');
  });

  it('is one line for people, with what came along and the stack below', () => {
    const { logger, text } = capture({ format: 'pretty' });
    logger.info({ port: 3000, name: 'two words' }, 'listening\n[ERROR] forged \x1b[31m');
    expect(text()).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}listening\\n\[ERROR\] forged \\u001b\[31m port=3000 name="two words"\n$/,
    );
    logger.error({ err: new Error('broken', { cause: new Error('below') }) }, 'failed');
    expect(text()).toMatch(/ERROR failed err=Error broken\n {4}at .*logger\.test/);
    expect(text()).toContain('caused by Error: below');
  });

  it('has colours only when asked', () => {
    const plain = capture({ format: 'pretty' });
    const colored = capture({ format: 'pretty', color: true });
    plain.logger.warn('x');
    colored.logger.warn('x');
    expect(plain.text()).not.toContain('\x1b[');
    expect(colored.text()).toContain('\x1b[33mWARN');
  });
});
