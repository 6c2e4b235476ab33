/** Some writers in one process: `URL CLIENTS SECONDS UPDATE CONTRACTS`; sends how many transactions it has done. */
import pg from 'pg';

const [url = '', clients = '1', seconds = '1', update = '', contracts = '1'] = process.argv.slice(2);
const connections = await Promise.all(
  Array.from({ length: Number(clients) }, async () => {
    const client = new pg.Client(url);
    await client.connect();
    return client;
  }),
);
const until = performance.now() + Number(seconds) * 1000;
let transactions = 0;
await Promise.all(
  connections.map(async (client) => {
    while (performance.now() < until) {
      const n = 1 + Math.floor(Math.random() * Number(contracts));
      await client.query({ name: 'update', text: update.replace('$N', '$1'), values: [n] });
      transactions++;
    }
    await client.end();
  }),
);
process.send?.(transactions, () => process.disconnect());
