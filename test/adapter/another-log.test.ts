/** A session that is taken up when the database has been replaced, and the instance's listener has not found that yet. */
import { expect, it } from 'vitest';
import { createDatabase } from '../support/database.js';
import { startProxy } from '../support/proxy.js';
import { recovering } from './recovering.js';
import { connectionOf, joinAs, lose, startNode } from './support.js';

it('gets nothing of the other log', { timeout: 60_000 }, async () => {
  const followed = await createDatabase();
  const address = await startProxy(followed.url);
  const first = await startNode(address.through(followed.url), recovering);
  const client = await joinAs(first.url, { reconnection: false });
  const { socket, received } = client;
  first.io.emit('welcome');
  await client.until('welcome');
  // It lacks the last of what the other has.
  const successor = await createDatabase(followed.name);
  const emit = (count: number, last: string) => {
    for (let n = 1; n < count; n++) first.io.emit('news', n);
    first.io.emit(last);
  };
  emit(10, 'seen');
  await client.until('seen');
  await lose(socket);
  emit(20, 'missed');

  const witness = await startNode(successor.url, recovering);
  const there = await joinAs(witness.url, { reconnection: false });
  for (let n = 0; n < 60; n++) witness.io.emit('other', n);
  witness.io.emit('end');
  await there.until('end');
  there.socket.disconnect();
  await witness.stop();

  // It has nothing of that in memory: all is read from the database.
  await expect
    .poll(async () => {
      const [{ head }] = await followed.query('select realtime.advance() as head');
      return Number(head);
    })
    .toBeGreaterThan(30);
  const second = await startNode(address.through(followed.url), recovering);
  address.rewrite(followed.name, successor.name);
  // All but the one that follows the log.
  await followed.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'hashi-socket adapter'`,
    [followed.name],
  );
  await expect
    .poll(
      async () =>
        (
          await successor.query(
            `select count(*)::int as n from pg_stat_activity where datname = $1 and application_name = 'hashi-socket adapter'`,
            [successor.name],
          )
        )[0].n,
      { timeout: 20_000 },
    )
    .toBe(2);
  (socket.io as unknown as { uri: string }).uri = second.url;
  const before = received.length;
  const connected = connectionOf(socket);
  socket.connect();
  await connected;
  second.io.local.emit('now');
  await client.until('now');
  expect(received.slice(before).map(([event]) => event)).toEqual(['now']);
  expect(socket.recovered).toBe(false);
  socket.disconnect();
  await first.stop();
  await second.stop();
  await address.stop();
  await Promise.all([followed.drop(), successor.drop()]);
});
