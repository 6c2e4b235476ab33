/** A process of its own that watches: whoever is busy elsewhere reads too slowly, and answers late. */
import { setTimeout as sleep } from 'node:timers/promises';
import { followRaw, followSocketIo } from './followers.js';
import { readyz, type FromVitals, type ToVitals } from './vitals.js';

const say = (message: FromVitals) => process.send?.(message);

async function watch({ url, wsUrl, token }: Extract<ToVitals, { is: 'watch' }>, asking: () => boolean) {
  const options = { keep: () => ({}), patienceMs: 30_000 };
  const clients = [
    followRaw('raw', 'vitals', wsUrl, token, options),
    followSocketIo('socketio', 'vitals', url, token, options),
  ];
  await Promise.all(clients.map(({ greeting }) => greeting));
  say({ is: 'watching' });
  let pings = 0;
  let pingMostMs = 0;
  let unready = 0;
  do {
    await Promise.all(
      clients.map(async (client) => {
        const began = performance.now();
        if (!(await client.ping())) return;
        pings++;
        pingMostMs = Math.max(pingMostMs, performance.now() - began);
      }),
    );
    if ((await readyz({ url })) !== 200) unready++;
    await sleep(100);
  } while (asking());
  const lost = clients.reduce((sum, client) => sum + client.connects() - 1, 0);
  for (const client of clients) client.close();
  say({ is: 'seen', vitals: { pings, pingMostMs, lost, unready } });
}

let asking = true;
process.on('disconnect', () => process.exit());
process.on('message', (message: ToVitals) => {
  if (message.is === 'stop') asking = false;
  else {
    watch(message, () => asking).catch((error: unknown) => {
      throw error;
    });
  }
});
