/** Compiled by `npm run types`: the hooks of examples/react, as a component uses them. */
import { expect, it } from 'vitest';
import type { useHashi, useHashiEvent } from '../../../examples/react/use-hashi.js';

/** Never called: the compiler is the test. */
function compiles(connection: typeof useHashi, event: typeof useHashiEvent): void {
  const { client, state } = connection({ url: 'wss://server.test/', token: async () => '' });
  const live: boolean = state === 'open';
  event(client, 'contract.initialized', ({ payload }) => {
    const stake: string | null = payload.stakeAmount;
    void stake;
  });
  event(client, 'gap', ({ code }) => void (code === 'RESUME_FAILED'));
  // @ts-expect-error no such event
  event(client, 'contract.initialised', () => undefined);
  // @ts-expect-error no such state
  void (state === 'gone');
  void live;
}

it('compiles', () => expect(compiles).toBeTypeOf('function'));
