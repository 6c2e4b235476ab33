/**
 * The ground of Socket.IO's own protocol suites, packet by packet, on a server with middlewares, a namespace and
 * handlers of an application's own. What stock clients make of it is in the other tests.
 */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { createServer, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
const servers: Server[] = [];
let url: string;
const wires: Wire[] = [];

async function serve(settings: Record<string, number>): Promise<string> {
  const server = createServer({
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 50, ...settings },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
    onConnection(socket) {
      socket.on('message', (...args: unknown[]) => socket.emit('message-back', ...args));
      socket.on('message-with-ack', (...args: unknown[]) => {
        (args.pop() as (...answer: unknown[]) => void)(...args);
      });
    },
  });
  servers.push(server);
  server.io.of('/custom').on('connection', (socket) => socket.emit('auth', socket.handshake.auth));
  return (await server.start()).url;
}

beforeAll(async () => {
  database = await createDatabase();
  // Longer than any test: a ping would answer a poll that is to be held.
  url = await serve({ HASHI_HEARTBEAT_INTERVAL_MS: 60_000, HASHI_HEARTBEAT_TIMEOUT_MS: 20_000 });
});
afterEach(() => {
  for (const wire of wires.splice(0)) wire.socket.terminate();
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await database.drop();
});

const base = '/socket.io/?EIO=4&transport=';
const me = '{"token":"ann"}';

/** A WebSocket and its messages, one after the other; texts as they are, bytes as a Buffer. */
class Wire {
  private readonly packets: (string | Buffer)[] = [];
  private tell: () => void = () => undefined;
  readonly closed: Promise<unknown>;

  constructor(readonly socket: WebSocket) {
    wires.push(this);
    socket.on('error', () => undefined); // told by `closed`
    socket.on('message', (data: Buffer, isBinary) => {
      this.packets.push(isBinary ? data : String(data));
      this.tell();
    });
    this.closed = new Promise((resolve) => socket.on('close', resolve));
  }

  /** The next one that is no ping, unless it is pings that are waited for. */
  async next(pings = false): Promise<string | Buffer> {
    for (;;) {
      const packet = this.packets.shift();
      if (packet === '2' && !pings) this.socket.send('3');
      else if (packet !== undefined) return packet;
      else await new Promise<void>((resolve) => (this.tell = resolve));
    }
  }

  say(...packets: (string | Buffer)[]): void {
    for (const packet of packets) this.socket.send(packet);
  }
}

async function open(at = url, query = 'websocket'): Promise<Wire> {
  const wire = new Wire(new WebSocket(`${at.replace('http', 'ws')}${base}${query}`));
  await once(wire.socket, 'open');
  return wire;
}

async function opened(at = url): Promise<Wire> {
  const wire = await open(at);
  expect(await wire.next()).toMatch(/^0{/);
  return wire;
}

/** Let into the main namespace, and greeted. */
async function connected(at = url): Promise<Wire> {
  const wire = await opened(at);
  wire.say(`40${me}`);
  expect(await wire.next()).toMatch(/^40{"sid":"[\w-]+"/);
  expect(await wire.next()).toMatch(/^42\["connected",{/);
  return wire;
}

const poll = async (sid = '', body?: string) =>
  fetch(`${url}${base}polling${sid && `&sid=${sid}`}`, body === undefined ? {} : { method: 'POST', body });
async function handshake(): Promise<string> {
  const text = await (await poll()).text();
  return (JSON.parse(text.slice(1)) as { sid: string }).sid;
}
/** Resolves once a poll of the session is with the server: two requests may arrive in either order. */
async function held(sid: string): Promise<void> {
  await expect.poll(() => (servers[0]?.io.engine as any).clients[sid]?.transport.writable).toBe(true);
}

describe('the handshake', () => {
  const told = {
    sid: expect.any(String),
    pingInterval: 60_000,
    pingTimeout: 20_000,
    maxPayload: 16_384,
  };

  it('is answered over polling', async () => {
    const answer = await poll();
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).toMatch(/^0/);
    expect(JSON.parse(text.slice(1))).toEqual({ ...told, upgrades: ['websocket'] });
  });

  it('is answered over a WebSocket', async () => {
    const packet = await (await open()).next();
    expect(packet).toMatch(/^0/);
    expect(JSON.parse(String(packet).slice(1))).toEqual({ ...told, upgrades: [] });
  });

  it.each([
    ['no transport', '/socket.io/?EIO=4', 'GET'],
    ['an unknown transport', '/socket.io/?EIO=4&transport=abc', 'GET'],
    ['an unknown session', `${base}polling&sid=abc`, 'GET'],
    ['a wrong method', `${base}polling`, 'POST'],
  ])('is refused with %s', async (_what, target, method) => {
    expect((await fetch(url + target, { method })).status).toBe(400);
  });

  it.each([
    ['no transport', '/socket.io/?EIO=4'],
    ['an unknown transport', '/socket.io/?EIO=4&transport=abc'],
    ['an unknown session', `${base}websocket&sid=abc`],
  ])('of a WebSocket is refused with %s', async (_what, target) => {
    const wire = new Wire(new WebSocket(url.replace('http', 'ws') + target));
    await wire.closed;
  });
});

describe('polling', () => {
  it('carries packets in both directions, several in one body', async () => {
    const sid = await handshake();
    expect(await (await poll(sid, `40${me}`)).text()).toBe('ok');
    expect(await (await poll(sid, '42["message",1]\x1e42["message","two",{"3":[null]}]')).text()).toBe('ok');
    let got = '';
    while (!got.includes('"two"')) {
      const packets = (await (await poll(sid)).text()).split('\x1e');
      if (packets.includes('2')) await poll(sid, '3');
      got += packets.filter((packet) => packet !== '2').join('\n') + '\n';
    }
    expect(got).toMatch(/^40{"sid".*\n42\["connected",.*\n42\["message-back",1.*\n42\["message-back","two",/);
  });

  it('carries bytes in base64', async () => {
    const sid = await handshake();
    await poll(sid, `40${me}`);
    await poll(sid, '451-["message",{"_placeholder":true,"num":0}]\x1ebAQIDBA==');
    let got = '';
    while (!got.includes('bAQIDBA==')) {
      const text = await (await poll(sid)).text();
      if (text.split('\x1e').includes('2')) await poll(sid, '3');
      got += text;
    }
    expect(got).toContain('451-["message-back",{"_placeholder":true,"num":0}');
  });

  it('is upgraded to a WebSocket, which then carries everything', async () => {
    const sid = await handshake();
    const wire = await open(url, `websocket&sid=${sid}`);
    wire.say('2probe');
    expect(await wire.next()).toBe('3probe');
    wire.say('5', `40${me}`);
    expect(await wire.next()).toMatch(/^40{"sid"/);
    expect((await poll(sid)).status).toBe(400);
  });

  it('ends with a close packet', async () => {
    const sid = await handshake();
    const pending = poll(sid);
    await held(sid);
    await poll(sid, '1');
    expect(await (await pending).text()).toMatch(/^[16]/);
    expect((await poll(sid)).status).toBe(400);
  });

  it('ends when it is polled twice at once', async () => {
    const sid = await handshake();
    const answers = await Promise.all([poll(sid), poll(sid)]);
    expect(answers.map(({ status }) => status)).toContain(400);
    expect((await poll(sid)).status).toBe(400);
  });
});

describe('the heartbeat', () => {
  it('is a ping that is answered, again and again', async () => {
    const lively = await serve({ HASHI_HEARTBEAT_INTERVAL_MS: 1000, HASHI_HEARTBEAT_TIMEOUT_MS: 20_000 });
    const wire = await connected(lively);
    for (let round = 0; round < 3; round++) {
      expect(await wire.next(true)).toBe('2');
      wire.say('3');
    }
  });

  it('closes a connection that does not answer', async () => {
    const strict = await serve({ HASHI_HEARTBEAT_INTERVAL_MS: 1000, HASHI_HEARTBEAT_TIMEOUT_MS: 1000 });
    const wire = await opened(strict);
    await wire.closed;
  });
});

describe('a packet that has no form', () => {
  it.each(['abc', '4abc'])('ends the connection: %s', async (packet) => {
    const wire = await opened();
    wire.say(packet);
    await wire.closed;
  });
});

describe('namespaces', () => {
  it('let in, each with a sid of its own and what the client has shown', async () => {
    const wire = await connected();
    wire.say('40/custom,{"token":"ann","more":1}');
    expect(await wire.next()).toMatch(/^40\/custom,{"sid":"[\w-]+"/);
    expect(await wire.next()).toBe('42/custom,["auth",{"token":"ann","more":1}]');
  });

  it('that are not there refuse, and leave the others alone', async () => {
    const wire = await connected();
    wire.say('40/nowhere,{"token":"ann"}');
    expect(await wire.next()).toBe('44/nowhere,{"message":"Invalid namespace"}');
    wire.say('42["message",1]');
    expect(await wire.next()).toMatch(/^42\["message-back",1/);
  });

  it('are left one by one', async () => {
    const wire = await connected();
    wire.say('40/custom');
    await wire.next();
    await wire.next();
    wire.say('41/custom,', '42["message","message to main namespace"]');
    expect(await wire.next()).toMatch(/^42\["message-back","message to main namespace"/);
  });

  it('that nobody asks for in time end the connection', async () => {
    const hasty = await serve({ HASHI_AUTH_TIMEOUT_MS: 500 });
    const wire = await opened(hasty);
    await wire.closed;
  });
});

describe('events', () => {
  it('come back with all they hold', async () => {
    const wire = await connected();
    wire.say('42["message",1,"2",{"3":[true]}]');
    expect(await wire.next()).toMatch(/^42\["message-back",1,"2",{"3":\[true\]}/);
  });

  it('are acknowledged by their number', async () => {
    const wire = await connected();
    wire.say('42456["message-with-ack",1,"2",{"3":[false]}]');
    expect(await wire.next()).toBe('43456[1,"2",{"3":[false]}]');
  });

  it('hold bytes, which follow in their order', async () => {
    const wire = await connected();
    const bytes = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
    const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    wire.say(`452-["message",${places}]`, ...bytes);
    expect(await wire.next()).toContain(`452-["message-back",${places}`);
    expect([await wire.next(), await wire.next()]).toEqual(bytes);
    wire.say(`452-789["message-with-ack",${places}]`, ...bytes);
    expect(await wire.next()).toBe(`462-789[${places}]`);
    expect([await wire.next(), await wire.next()]).toEqual(bytes);
  });

  it.each(['4{}', '4[]', '4a', '42{}', '42[{"a":1}]', '452-["message",1]|42["ping"]'])(
    'of the form %s end the connection',
    async (packets) => {
      const wire = await connected();
      wire.say(...packets.split('|'));
      await wire.closed;
    },
  );
});
