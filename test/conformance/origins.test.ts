/** Pages of a foreign origin are refused on every way in; clients that name none pass. */
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { somebody, useWorld, type World } from './world.js';

const sameOrigin = useWorld();
const listed = useWorld({ ALLOWED_ORIGINS: 'https://app.example,https://admin.example:8443' });
const any = useWorld({ ALLOWED_ORIGINS: '*' });

const ways = [
  { way: 'a raw upgrade', path: '/', upgrade: true },
  { way: "Socket.IO's upgrade", path: '/socket.io/?EIO=4&transport=websocket', upgrade: true },
  { way: "Socket.IO's polling", path: '/socket.io/?EIO=4&transport=polling', upgrade: false },
];

/** The status that a handshake is answered with. */
function statusOf(world: World, { path, upgrade }: (typeof ways)[number], origin?: string): Promise<number> {
  const headers = {
    ...(origin !== undefined && { origin }),
    ...(upgrade && {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.from('sixteen bytes ok').toString('base64'),
    }),
  };
  return new Promise((resolve, reject) => {
    const handshake = request(`${world.server.url}${path}`, { headers, agent: false });
    handshake.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    handshake.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    handshake.on('error', reject);
    handshake.end();
  });
}

describe.each(ways)('origins: $way', (way) => {
  const taken = way.upgrade ? 101 : 200;

  it('takes its own origin alone when none is listed, and clients without one', async () => {
    expect(await statusOf(sameOrigin, way, 'https://evil.example')).toBe(403);
    expect(await statusOf(sameOrigin, way, 'null')).toBe(403);
    expect(await statusOf(sameOrigin, way, 'http://127.0.0.1')).toBe(403);
    expect(await statusOf(sameOrigin, way, sameOrigin.server.url)).toBe(taken);
    expect(await statusOf(sameOrigin, way)).toBe(taken);
  });

  it('takes exactly the listed ones', async () => {
    expect(await statusOf(listed, way, 'https://app.example')).toBe(taken);
    expect(await statusOf(listed, way, 'https://admin.example:8443')).toBe(taken);
    for (const foreign of [
      'https://app.example.evil.example',
      'http://app.example',
      'https://admin.example',
      'https://evil-app.example',
      listed.server.url,
    ]) {
      expect(await statusOf(listed, way, foreign)).toBe(403);
    }
    expect(await statusOf(listed, way)).toBe(taken);
  });

  it('takes all when * is listed', async () => {
    expect(await statusOf(any, way, 'https://evil.example')).toBe(taken);
  });
});

describe.each(drivers)('origins: $name', (driver) => {
  it('serves a stock client of an allowed origin, and not one of a foreign origin', async () => {
    const headers = { origin: 'https://app.example' };
    await listed.open(driver, somebody(), { headers });
    const foreign = await listed.connect(driver, somebody(), {
      headers: { origin: 'https://evil.example' },
    });
    await foreign.failed;
    expect(foreign.messages).toEqual([]);
  });
});
