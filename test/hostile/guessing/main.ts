/**
 * `npm run guess`: 100,000 guesses at the codes of lobbies, while things happen in all of them.
 *
 *   npm run guess -- [--guesses 100000] [--players 50] [--lobbies 1000]
 *
 * The message rate is raised for it: with the default of 20 a second these guesses would take one player 83 minutes, and
 * there are 32^6 codes. Every other guess is right: the code of a lobby that is there, but not the player's. Fails when one
 * is let in, when an event comes, or when the time to the answer tells the two kinds apart: by a rank test
 * (Mann-Whitney) of all answers, the chance that one kind takes longer than the other must be near a half.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { machine } from '../../../bench/support/machine.js';
import { percentile } from '../../../bench/support/statistics.js';
import { createPool } from '../../../src/database/client.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { startProcess } from '../process.js';
import { codeOf, guess } from './burglars.js';

const { values } = parseArgs({
  options: {
    guesses: { type: 'string', default: '100000' },
    players: { type: 'string', default: '50' },
    lobbies: { type: 'string', default: '1000' },
  },
});
const [guesses, players, lobbies] = [values.guesses, values.players, values.lobbies].map(Number) as [
  number,
  number,
  number,
];
if (![guesses, players, lobbies].every((value) => Number.isInteger(value) && value > 0)) {
  process.stderr.write('Usage: npm run guess -- [--guesses N] [--players N] [--lobbies N]\n');
  process.exit(2);
}
/** How far from a half the chance may be that a guess of one kind takes longer than one of the other. */
const noise = 0.02;

/** The chance that a sample of `a` is larger than one of `b`, ties counting half. */
function chanceLarger(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, own: 1 })), ...b.map((value) => ({ value, own: 0 }))];
  all.sort((one, other) => one.value - other.value);
  let ranks = 0;
  for (let at = 0; at < all.length;) {
    let end = at;
    while (end < all.length && all[end]?.value === all[at]?.value) end++;
    for (let same = at; same < end; same++) ranks += (all[same]?.own ?? 0) * ((at + end + 1) / 2);
    at = end;
  }
  return (ranks - (a.length * (a.length + 1)) / 2) / (a.length * b.length);
}

const show = (text: string) => process.stdout.write(`${text}\n`);
const { postgres, dataDir, stop } = await startOwnPostgres('guess');
const pool = createPool({ url: postgres.url, applicationName: 'guess', max: 1 });
let wrong: string[] = [];
try {
  const server = await startProcess(postgres.url, dataDir, {
    HASHI_MESSAGES_PER_SECOND: '100000',
    HASHI_MESSAGE_BURST: '10000',
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(players + 100),
  });
  try {
    const codes = Array.from({ length: lobbies }, () => codeOf(Math.random));
    await pool.query('insert into lobbies (code) select unnest($1::text[]) on conflict do nothing', [codes]);
    let over = false;
    let moves = 0;
    const living = (async () => {
      while (!over) {
        await pool.query(
          `insert into lobby_participants (lobby_id, player_id)
           select id, 'member-' || $1::text from lobbies order by random() limit 5 on conflict do nothing`,
          [++moves],
        );
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    const from = performance.now();
    const { answers, events, there, missing } = await guess(server, codes, players, guesses, Math.random);
    const seconds = (performance.now() - from) / 1000;
    over = true;
    await living;
    const chance = chanceLarger(there, missing);
    show(`${machine()}; load ${loadavg()[0]?.toFixed(1)}`);
    show(
      `${guesses} guesses by ${players} players in ${seconds.toFixed(1)} s, half of them at lobbies that are there; ` +
        `5 players joined lobbies ${moves} times meanwhile`,
    );
    show(`answers ${JSON.stringify(answers)}; ${events} events`);
    for (const [name, times] of [
      ['there', there],
      ['not there', missing],
    ] as const) {
      const [p50, p90, p99] = [50, 90, 99].map((part) => percentile(times, part).toFixed(2));
      show(`  ${name.padEnd(9)}  p50 ${p50}  p90 ${p90}  p99 ${p99} ms of ${times.length}`);
    }
    show(`the chance that "there" takes longer: ${chance.toFixed(4)} (0.5 tells nothing)`);
    if (Object.keys(answers).join() !== 'SUBSCRIBE_DENIED') wrong.push('not every guess was denied');
    if (events > 0) wrong.push(`${events} events came`);
    if (Math.abs(chance - 0.5) > noise) wrong.push('the time to the answer tells which lobbies are there');
    wrong = [...wrong, ...server.complaints()];
  } finally {
    await server.stop();
  }
} finally {
  await pool.end();
  await stop();
}
for (const what of wrong) show(`WRONG: ${what}`);
process.exit(wrong.length === 0 ? 0 : 1);
