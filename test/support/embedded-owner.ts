/** Run as a child: owns an embedded Postgres, tells of it on stdout, and waits to be killed. */
import { startEmbedded } from '../../src/database/embedded.js';

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('usage: embedded-owner DATA_DIR');
const postgres = await startEmbedded({ dataDir, tuning: 'test' });
console.log(JSON.stringify({ url: postgres.url, pid: postgres.pid }));
process.on('SIGTERM', () => void postgres.stop().then(() => process.exit(0)));
setInterval(() => undefined, 60_000);
