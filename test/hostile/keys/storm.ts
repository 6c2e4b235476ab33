/** A key server that fails while clients pour in: who is let in, who is told what, and how often it is asked. */
import { goodClaims, KeyServer, makeTestKey, nowSeconds, sign } from '../../unit/auth/support.js';
import { rawDriver, type Driver } from '../../conformance/drivers.js';
import { startServer } from '../../support/server.js';

/** What the key server does when it fails. */
export const failures = {
  'is down': (it: KeyServer) => it.breakOff(),
  'is silent': (it: KeyServer) => it.hang(),
  'answers rubbish': (it: KeyServer) => it.reply(200, '<html>maintenance</html>'),
  'fails with 500': (it: KeyServer) => it.reply(500, 'no'),
} as const satisfies Record<string, (it: KeyServer) => void>;
export type Failure = keyof typeof failures;

export interface Storm {
  /** How each attempt ended, by what it was: `connected`, or the error's code and, of a raw client, the close code. */
  readonly known: Record<string, number>;
  readonly unknown: Record<string, number>;
  /** Requests to the key server once it had failed. */
  readonly requests: number;
  /** Attempts that were not answered at all, and made again. */
  readonly retried: number;
  /** The connections from before still answer. */
  readonly staying: boolean;
  readonly tookMs: number;
}

/**
 * @param spreadMs over what time the clients come: every other one with a key that the server does not know
 * @param drivers what they speak, in turn
 */
export async function storm(
  databaseUrl: string,
  failure: Failure,
  clients: number,
  spreadMs: number,
  drivers: readonly Driver[] = [rawDriver],
): Promise<Storm> {
  const [known, unknown] = await Promise.all([makeTestKey('known'), makeTestKey('unknown')]);
  const keyServer = await KeyServer.listen(known);
  const server = await startServer(databaseUrl, {
    AUTH_JWKS_URL: keyServer.url.href,
    AUTH_AUDIENCE: 'app',
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(clients + 100),
  }).catch(async (error: unknown) => {
    // There is no development key to mint with: the server runs all the same.
    await keyServer.close();
    throw error;
  });
  try {
    const token = (key: typeof known, player: string) =>
      sign(key, goodClaims({ sub: player, exp: nowSeconds() + 600 }));
    const staying = await Promise.all(
      drivers.map(async (driver) => {
        const client = driver.connect(server, await token(known, 'staying'));
        await client.next('connected');
        return client;
      }),
    );
    failures[failure](keyServer);
    const before = keyServer.requests;

    const tally: Record<'known' | 'unknown', Record<string, number>> = { known: {}, unknown: {} };
    let retried = 0;
    const attempt = async (driver: Driver, kind: 'known' | 'unknown', text: string): Promise<void> => {
      const client = driver.connect(server, text);
      const first = await Promise.race([
        client.next('connected').then(() => ({ code: 'connected' })),
        client.refused,
      ]).catch((_cut: unknown) => ({ code: 'no code' }));
      const closes = driver === rawDriver && first.code.startsWith('AUTH_');
      const end = closes ? `${first.code} ${Object.values(await client.ended).join()}` : first.code;
      client.close();
      if (end === 'no code') {
        // Nobody answered in time, the server and its clients being one process here: it comes back.
        retried++;
        return attempt(driver, kind, text);
      }
      tally[kind][end] = (tally[kind][end] ?? 0) + 1;
    };
    const tokens = await Promise.all(
      Array.from({ length: clients }, (_, at) => token(at % 2 ? unknown : known, `player-${at}`)),
    );
    const from = performance.now();
    await Promise.all(
      tokens.map(async (text, at) => {
        await new Promise((resolve) => setTimeout(resolve, (at * spreadMs) / clients));
        const driver = drivers[(at >> 1) % drivers.length] ?? rawDriver;
        await attempt(driver, at % 2 ? 'unknown' : 'known', text);
      }),
    );
    const tookMs = performance.now() - from;
    const answers = await Promise.all(
      staying.map((client) => client.ask('ping').catch((_cut: unknown) => null)),
    );
    for (const client of staying) client.close();
    return {
      ...tally,
      requests: keyServer.requests - before,
      retried,
      staying: answers.every((answer) => answer?.ok),
      tookMs,
    };
  } finally {
    await server.stop();
    await keyServer.close();
  }
}
