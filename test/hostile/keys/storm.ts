/** A key server that fails while clients pour in: who is let in, who is told what, and how often it is asked. */
import { goodClaims, KeyServer, makeTestKey, nowSeconds, sign } from '../../unit/auth/support.js';
import { rawClient } from '../../support/clients.js';
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
  /** How each attempt ended, by what it was: `connected`, or the error's code and the close code. */
  readonly known: Record<string, number>;
  readonly unknown: Record<string, number>;
  /** Requests to the key server once it had failed. */
  readonly requests: number;
  /** Attempts that were not answered at all, and made again. */
  readonly retried: number;
  /** The connection from before still answers. */
  readonly staying: boolean;
  readonly tookMs: number;
}

/** @param spreadMs over what time the clients come: every other one with a key that the server does not know */
export async function storm(
  databaseUrl: string,
  failure: Failure,
  clients: number,
  spreadMs: number,
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
    const staying = rawClient(server, await token(known, 'staying'));
    await staying.next('connected');
    failures[failure](keyServer);
    const before = keyServer.requests;

    const tally: Record<'known' | 'unknown', Record<string, number>> = { known: {}, unknown: {} };
    let retried = 0;
    const attempt = async (kind: 'known' | 'unknown', text: string): Promise<void> => {
      const client = rawClient(server, text);
      const first = await client.next().catch((_cut: unknown) => null);
      if (!first) {
        // Nobody answered in time, the server and its clients being one process here: it comes back.
        retried++;
        return attempt(kind, text);
      }
      const { code } = first.data as { code?: string };
      const end = first.type === 'connected' ? 'connected' : `${code} ${(await client.closed).code}`;
      tally[kind][end] = (tally[kind][end] ?? 0) + 1;
      client.ws.terminate();
    };
    const tokens = await Promise.all(
      Array.from({ length: clients }, (_, at) => token(at % 2 ? unknown : known, `player-${at}`)),
    );
    const from = performance.now();
    await Promise.all(
      tokens.map(async (text, at) => {
        await new Promise((resolve) => setTimeout(resolve, (at * spreadMs) / clients));
        await attempt(at % 2 ? 'unknown' : 'known', text);
      }),
    );
    const tookMs = performance.now() - from;
    staying.send({ type: 'ping', id: 'still' });
    const answered = await staying
      .next((message) => message.data?.id === 'still')
      .then(
        () => true,
        () => false,
      );
    staying.close();
    return { ...tally, requests: keyServer.requests - before, retried, staying: answered, tookMs };
  } finally {
    await server.stop();
    await keyServer.close();
  }
}
