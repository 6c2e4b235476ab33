/** What an operator reads when the database cannot be reached: one sentence, no password, something to do. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectClient, createPool, describeDatabaseError, redactUrl } from '../../../src/database/client.js';
import { createDatabase } from '../../support/database.js';

const secret = 'pä%ss/w0rd';
const servers: Server[] = [];

/** A server that does `greet` with each connection once the client has said something. */
async function fakeServer(greet: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', () => greet(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('close', () => sockets.forEach((socket) => socket.destroy()));
  servers.push(server);
  return urlTo((server.address() as AddressInfo).port);
}

function urlTo(port: number): string {
  return `postgres://ann:${encodeURIComponent(secret)}@127.0.0.1:${port}/games?options=secret-option`;
}

/** Postgres' ErrorResponse: severity, code, message. */
function errorResponse(code: string, message: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The sentence for the failure to connect to `url`. */
async function explain(url: string, connectTimeoutMs = 5_000): Promise<string> {
  const error: unknown = await connectClient({ url, applicationName: 'test', connectTimeoutMs }).then(
    () => expect.unreachable('it connected'),
    (reason: unknown) => reason,
  );
  const sentence = describeDatabaseError(error, url);
  expect(sentence).not.toContain(secret);
  expect(sentence).not.toContain(encodeURIComponent(secret));
  expect(sentence).not.toContain('secret-option');
  expect(sentence).not.toContain('\n');
  return sentence;
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.emit('close');
  }
});

describe('describeDatabaseError', () => {
  it('says that nothing listens', async () => {
    const url = await fakeServer(() => undefined);
    const server = servers.pop();
    server?.close();
    await once(server as Server, 'close');
    expect(await explain(url)).toMatch(/^Nothing listens on 127\.0\.0\.1:\d+: start Postgres/);
  });

  it('looks into an AggregateError, whose own message is empty', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' });
    const error = new AggregateError([refused, refused], '');
    expect(describeDatabaseError(error, 'postgres://localhost/games')).toMatch(
      /^Nothing listens on localhost:5432/,
    );
  });

  it('says that a host name is unknown', () => {
    const error = Object.assign(new Error('getaddrinfo ENOTFOUND db.invalid'), { code: 'ENOTFOUND' });
    expect(describeDatabaseError(error, urlTo(5432).replace('127.0.0.1', 'db.invalid'))).toMatch(
      /^The host name db\.invalid cannot be resolved/,
    );
  });

  it.each([
    ['28P01', 'password authentication failed for user "ann"', /refuses user ann or the password/],
    ['3D000', 'database "games" does not exist', /^The database games does not exist at .*: create it/],
    ['53300', 'sorry, too many clients already', /has no connection left: raise max_connections/],
    ['57P03', 'the database system is starting up', /starting up or shutting down/],
    [
      '28000',
      'no pg_hba.conf entry for host "10.0.0.1", no encryption',
      /over TLS only: add sslmode=require/,
    ],
    ['28000', 'role "ann" does not exist', /does not let user ann in/],
    ['XX000', `bad ${secret}`, /cannot be used: bad \*\*\*$/],
  ])('explains Postgres’ error %s (%s)', async (code, message, sentence) => {
    const url = await fakeServer((socket) => socket.end(errorResponse(code, message)));
    expect(await explain(url)).toMatch(sentence);
  });

  it('says that a server does not talk TLS', async () => {
    const url = await fakeServer((socket) => socket.end('N'));
    expect(await explain(`${url}&sslmode=no-verify`)).toMatch(/speaks no TLS: take sslmode out/);
  });

  it('says that a web server is no Postgres', async () => {
    const url = await fakeServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await explain(url)).toMatch(
      /closed the connection before it was set up: check that it is Postgres/,
    );
  });

  it('says so of one that talks garbage and does not hang up', async () => {
    const url = await fakeServer((socket) => socket.write(Buffer.from('!\0\0\0\u0008what is this?')));
    expect(await explain(url)).toMatch(/is not Postgres: correct host and port/);
  });

  it('gives up on a server that says nothing', async () => {
    const url = await fakeServer(() => undefined);
    expect(await explain(url, 100)).toMatch(/does not answer as Postgres in time/);
  });

  it('says that an untrusted certificate is one', () => {
    const error = Object.assign(new Error('self-signed certificate'), {
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(describeDatabaseError(error, urlTo(5432))).toMatch(/not trusted .*sslrootcert/);
  });

  it('does not repeat what is not a URL: it may be a password', () => {
    expect(describeDatabaseError(new TypeError('Invalid URL'), secret)).not.toContain(secret);
  });
});

describe('redactUrl', () => {
  it('keeps user, host and database, and hides the password and what the query holds', () => {
    expect(redactUrl(urlTo(5432))).toBe('postgres://ann:***@127.0.0.1:5432/games?options=***');
    expect(redactUrl('postgresql://db.example.com/games?sslmode=require&password=x')).toBe(
      'postgresql://db.example.com/games?sslmode=***&password=***',
    );
  });

  it('shows nothing of what it cannot take apart', () => {
    expect(redactUrl(`host=db password=${secret}`)).toBe('(not a URL)');
  });
});

describe('createPool', () => {
  it('goes on after a connection was cut while it was checked out', async () => {
    const database = await createDatabase();
    const lost: string[] = [];
    const logger = {
      info() {},
      error() {},
      warn: (_fields: object, message: string) => void lost.push(message),
    };
    const pool = createPool({ url: database.url, applicationName: 'to be cut', max: 2, logger });
    try {
      const client = await pool.connect();
      const ended = new Promise((resolve) => client.once('end', resolve));
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to be cut'`,
      );
      await ended;
      client.release(true);
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      expect(lost).toContain('Lost a connection to the database');
    } finally {
      await pool.end();
      await database.drop();
    }
  });
});
