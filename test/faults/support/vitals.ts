/** Whether a server goes on answering its clients, and says so, asked all the time while something goes on. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Vitals {
  /** Answered, of both kinds of clients. */
  readonly pings: number;
  /** The longest that a client waited for an answer, in milliseconds. */
  readonly pingMostMs: number;
  /** Connections that were lost. */
  readonly lost: number;
  /** Looks at `/readyz` that did not find 200. */
  readonly unready: number;
}

interface Asked {
  readonly url: string;
  readonly wsUrl: string;
}

/** The status that a load balancer sees. */
export async function readyz({ url }: { readonly url: string }): Promise<number> {
  return (await fetch(`${url}/readyz`)).status;
}

export type ToVitals =
  | { readonly is: 'watch'; readonly token: string; readonly url: string; readonly wsUrl: string }
  | { readonly is: 'stop' };
export type FromVitals = { readonly is: 'watching' } | { readonly is: 'seen'; readonly vitals: Vitals };

export interface Watch {
  /** Resolves with what was seen; to be called once. */
  seen(): Promise<Vitals>;
  stop(): void;
}

/**
 * Connects a client of each kind, from a process of their own, and asks until told to stop.
 * @param token of any player
 */
export async function watchVitals({ url, wsUrl }: Asked, token: string): Promise<Watch> {
  const child = fork(fileURLToPath(new URL('vitals-process.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  });
  const ask = (message: ToVitals) =>
    new Promise<FromVitals>((resolve, reject) => {
      child.once('message', (answer) => resolve(answer as FromVitals));
      child.once('exit', (code) => reject(new Error(`what watches has ended: ${String(code)}`)));
      child.send(message);
    });
  const stop = () => {
    if (child.connected) child.disconnect();
  };
  await ask({ is: 'watch', token, url, wsUrl });
  return {
    async seen() {
      const answer = await ask({ is: 'stop' });
      stop();
      if (answer.is !== 'seen') throw new Error('what watches has seen nothing');
      return answer.vitals;
    },
    stop,
  };
}

export const areWell = ({ pings, lost, unready }: Vitals): boolean =>
  pings > 0 && lost === 0 && unready === 0;

export const vitalsLine = ({ pings, pingMostMs, lost, unready }: Vitals): string =>
  `${pings} pings answered, within ${pingMostMs.toFixed(0)} ms; ${lost} connections lost, ${unready} times not ready`;
