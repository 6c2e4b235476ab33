/** All of Postgres stands still for a time: what clients and load balancers see of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient } from '../../../src/database/client.js';
import { startEmbedded } from '../../../src/database/embedded.js';
import { startServer } from '../../support/server.js';
import { freezePostgres } from '../support/freeze.js';
import { readyz, summonWitnesses } from '../support/witnesses.js';

export interface FreezeReport {
  /** What both clients were told, against what was written: before, during and after. */
  readonly written: readonly string[];
  readonly told: readonly (readonly string[])[];
  /** Connections lost. */
  readonly lost: number;
  /** How long both clients waited for an answer to each ping that they sent meanwhile, in milliseconds. */
  readonly pingsMs: readonly number[];
  /** After how long `/readyz` said 503, of each look at it whether it did from then on. */
  readonly saidAfterMs: number;
  readonly wentOnSaying: boolean;
  /** How long after it went on everything had been told, and `/readyz` said 200 again. */
  readonly toldAfterMs: number;
  readonly readyAfterMs: number;
}

/** @param frozenMs more than the 5 s after which `/readyz` says so */
export async function freezeFor(frozenMs: number): Promise<FreezeReport> {
  const cleanUp: (() => Promise<unknown> | void)[] = [];
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-freeze-'));
    cleanUp.push(() => rm(dataDir, { recursive: true, force: true }));
    const postgres = await startEmbedded({ dataDir, tuning: 'test' });
    cleanUp.push(() => postgres.stop());
    const server = await startServer(postgres.url);
    cleanUp.push(() => server.stop());
    const service = await connectClient({ url: postgres.url, applicationName: 'service' });
    cleanUp.push(() => service.end());
    const witnesses = await summonWitnesses(server);
    cleanUp.push(() => witnesses.close());

    const insert = async (): Promise<string> =>
      (await service.query<{ id: string }>('insert into contracts default values returning id')).rows[0]
        ?.id ?? '';
    const written = [await insert()];
    await witnesses.told(written);

    const thaw = await freezePostgres(postgres.pid);
    const began = performance.now();
    const since = () => performance.now() - began;
    const statuses: { at: number; status: number }[] = [];
    const pingsMs: number[] = [];
    // A service waits with its write for as long as that.
    const meanwhile = insert();
    try {
      while (since() < frozenMs) {
        const asked = performance.now();
        await witnesses.ping();
        pingsMs.push(performance.now() - asked);
        statuses.push({ at: since(), status: await readyz(server) });
        await sleep(250);
      }
    } finally {
      thaw();
    }
    const thawed = performance.now();
    written.push(await meanwhile, await insert());
    const ready = (async () => {
      while ((await readyz(server)) !== 200) await sleep(20);
      return performance.now() - thawed;
    })();
    await witnesses.told(written);
    const toldAfterMs = performance.now() - thawed;
    const first = statuses.findIndex(({ status }) => status === 503);
    return {
      written,
      told: witnesses.contracts(),
      lost: witnesses.lost(),
      pingsMs,
      saidAfterMs: statuses[first]?.at ?? Number.POSITIVE_INFINITY,
      wentOnSaying: statuses.slice(first).every(({ status }) => status === 503),
      toldAfterMs,
      readyAfterMs: await ready,
    };
  } finally {
    for (const clean of cleanUp.reverse()) await clean();
  }
}
