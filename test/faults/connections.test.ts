/** What happens to connections between the server and its database, on a database that is well. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { expectServed, expectServedAgain, summonWitnesses, type Witnesses } from './support/witnesses.js';

let database: TestDatabase;
let proxy: TcpProxy;
let server: TestServer;
let witnesses: Witnesses;
let written: string[];

beforeEach(async () => {
  database = await createDatabase();
  proxy = await startProxy(database.url);
  server = await startServer(proxy.through(database.url));
  witnesses = await summonWitnesses(server);
  written = [];
});
afterEach(async () => {
  witnesses.close();
  proxy.heal();
  await server.stop();
  await proxy.stop();
  await database.drop();
});

/** Past the proxy: services reach the database all the time. */
async function write(count = 1): Promise<void> {
  for (let n = 0; n < count; n++) {
    written.push((await database.query('insert into contracts default values returning id'))[0].id);
  }
}
const terminate = async (where: string) =>
  (
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name like 'hashi-socket%' and ${where}`,
    )
  ).length;

describe('a server that loses connections to its database', () => {
  it('replays what was committed while the listener was down, again and again', async () => {
    for (let round = 0; round < 5; round++) {
      await write();
      await expect.poll(() => terminate(`application_name = 'hashi-socket listener'`)).toBe(1);
      await write(2);
      await witnesses.ping();
      await witnesses.expectAll(written);
      await expectServedAgain({ server, witnesses });
    }
  });

  it('goes on when every backend of its has been killed', async () => {
    await write();
    await witnesses.expectAll(written);
    expect(await terminate('true')).toBeGreaterThanOrEqual(2);
    await write(3);
    await witnesses.ping();
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
  });

  it('keeps its clients while the database cannot be reached, says so, and then tells them everything', async () => {
    await write();
    await witnesses.expectAll(written);
    proxy.refuse();
    proxy.cut();
    await expectServed({ server, witnesses }, 503);
    await write(3);
    await expectServed({ server, witnesses }, 503);
    proxy.heal();
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
  });

  it('notices connections whose bytes vanish, and makes new ones', { timeout: 60_000 }, async () => {
    await write();
    await witnesses.expectAll(written);
    proxy.blackhole();
    await write(3);
    await expectServed({ server, witnesses }, 503);
    proxy.heal();
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
    // Not the listener alone: a newcomer's memberships are read by the pool.
    const newcomer = await summonWitnesses(server, 'newcomer');
    newcomer.close();
  });

  it('sits out a network that stalls', async () => {
    await write();
    await witnesses.expectAll(written);
    proxy.freeze();
    await write(3);
    await witnesses.ping();
    await expectServed({ server, witnesses }, 503);
    proxy.heal();
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
  });

  it('keeps order and completeness over a slow network', async () => {
    proxy.delay(60);
    await write(5);
    await expectServed({ server, witnesses }, 200);
    await witnesses.expectAll(written);
  });

  it('lets a client in that comes while the database is away, once it is back, with all it missed', async () => {
    await write();
    const { id: since = '' } = await witnesses.raw.next('contract.created');
    proxy.refuse();
    proxy.cut();
    await expectServed({ server, witnesses }, 503);
    await write(2);
    const { rawClient } = await import('../support/clients.js');
    const late = rawClient(server, await server.token('late'), { since });
    await new Promise((resolve) => late.ws.once('open', resolve));
    proxy.heal();
    expect((await late.next('connected')).data.recovered).toBe(true);
    const missed = [await late.next('contract.created'), await late.next('contract.created')];
    expect(missed.map(({ data }) => data.contractId as string)).toEqual(written.slice(1));
    late.close();
  });

  it('refuses to start behind a pooler that swallows LISTEN, and says what to do', async () => {
    proxy.rewrite('listen hashi_bell', 'select 1         ');
    await expect(startServer(proxy.through(database.url))).rejects.toThrow(/LISTEN has no effect.*pooler/s);
  });

  it('stops in bounded time while the database is silent', async () => {
    proxy.blackhole();
    const began = performance.now();
    witnesses.close();
    await server.stop();
    expect(performance.now() - began).toBeLessThan(8_000);
  });
});

describe('a server that hears no notification, or false ones', () => {
  /** As when every notification is lost: the bell is mute. */
  const muteBell = () =>
    database.query(
      `create or replace function realtime.ring() returns trigger language plpgsql as $$ begin return null; end $$`,
    );

  it('finds events by its sweep, about a second later at most', async () => {
    await muteBell();
    const latencies: number[] = [];
    for (let round = 0; round < 3; round++) {
      const began = performance.now();
      await write();
      await expectServed({ server, witnesses }, 200);
      await witnesses.expectAll(written);
      latencies.push(performance.now() - began);
    }
    expect(Math.max(...latencies)).toBeLessThan(2500);
  });

  it('is not kept from numbering by forged ones', async () => {
    await muteBell();
    let forging = true;
    const forger = (async () => {
      while (forging) {
        await database.query(
          `select pg_notify('hashi_log', '999999999'), pg_notify('hashi_log', 'x'), pg_notify('hashi_bell', 'y'), pg_sleep(0.02)`,
        );
      }
    })();
    await write(3);
    await witnesses.expectAll(written);
    await expectServed({ server, witnesses }, 200);
    forging = false;
    await forger;
  });
});
