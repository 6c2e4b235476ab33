/** That an instance which stands still while it brings the database up to date does not hold up the services. */
import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { uninstall } from '../../src/database/uninstall.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';

let database: TestDatabase;
let proxy: TcpProxy;

beforeAll(async () => {
  database = await createDatabase();
  proxy = await startProxy(database.url);
});
afterAll(async () => {
  await proxy.stop();
  await database.drop();
});

it('lets writers go on soon, changes nothing, and leaves it to the next one', async () => {
  const operator = await connectClient({ url: database.url, applicationName: 'operator' });
  await migrate(operator, { catalog });
  // The tables are there now, and in use.
  await uninstall(operator);

  const stopped = await connectClient({
    url: proxy.through(database.url),
    applicationName: 'hashi-socket migrate',
  });
  const steps = new EventEmitter();
  const standing = once(steps, 'standing');
  let made = false;
  const migrating = migrate(stopped, {
    catalog,
    standstillMs: 1000,
    onStep: (step) => {
      if (made) {
        proxy.blackhole();
        steps.emit('standing');
      }
      made ||= step === 'triggers/public.contracts';
    },
  });
  const gone = expect(migrating).rejects.toThrow('The database could not be brought up to date');
  await standing;
  await operator.query(`set statement_timeout = '10s'`);
  await operator.query('insert into contracts default values');
  proxy.cut();
  await gone;

  expect(await migrate(operator, { catalog })).toBeGreaterThan(0);
  await operator.end();
});
