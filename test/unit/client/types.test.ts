/** Compiled by `npm run types`: each expected error must be one. */
import WebSocket from 'ws';
import { expect, it } from 'vitest';
import { connect, type ConnectOptions, type EventMap, type HashiEvent } from '../../../src/client/index.js';

/** Never called: the compiler is the test. */
function compiles(): void {
  const client = connect({ url: 'ws://server.test/', token: async () => '', WebSocket });

  client.on('contract.initialized', (event) => {
    const type: 'contract.initialized' = event.type;
    const stake: string | null = event.payload.stakeAmount;
    // @ts-expect-error contracts have no such column
    void event.payload.stake;
    // @ts-expect-error a contract event has no lobbyCode beside its payload
    void event.lobbyCode;
    void [type, stake];
  });
  client.on('lobby:event', (event) => {
    const code: string = event.lobbyCode;
    if (event.type === 'lobby.joined') void event.payload.participantCount.toFixed();
    // @ts-expect-error a lobby event is never that of a contract
    if (event.type === 'contract.created') return;
    void code;
  });
  client.on('event', (event) => {
    if (event.type === 'storage.deleted') void event.payload.storage.url;
    // @ts-expect-error only bounties have one
    void event.bountyId;
  });
  client.on('state', (change) => {
    // @ts-expect-error an open connection has no close code
    void change.code;
    if (change.state === 'closed') void change.code.toFixed();
  });
  // @ts-expect-error no such event
  client.on('contract.initialised', () => undefined);
  // @ts-expect-error no such family
  client.on('contracts:event', () => undefined);
  // @ts-expect-error a lobby is named by text
  void client.subscribe(1);

  // @ts-expect-error the token is a function: it runs out
  connect({ url: '', token: 'abc' });
  // @ts-expect-error no such option
  connect({ url: '', token: () => '', tokens: 1 });

  // Another catalogue: a union of its messages.
  type Chat = { type: 'chat:event'; data: { type: 'chat.said'; payload: { text: string } } };
  const chat = connect<Chat>({ url: '', token: () => '' });
  chat.on('chat.said', (event) => void event.payload.text);
  // @ts-expect-error not of this catalogue
  chat.on('contract.created', () => undefined);

  void (async () => {
    for await (const event of client) {
      const any: HashiEvent = event;
      void any;
    }
  })();
  const options: ConnectOptions = { url: '', token: () => '' };
  void options;
  const gap: EventMap['gap'] = { code: 'RESUME_FAILED' };
  void gap;
}

it('compiles', () => expect(compiles).toBeTypeOf('function'));
