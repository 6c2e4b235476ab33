/** Compiled by `npm run types`: each expected error must be one, and each type must be the one that is named. */
import type { Socket } from 'socket.io';
import { expect, expectTypeOf, it } from 'vitest';
import * as on from '../../src/catalog/index.js';
import { connect } from '../../src/client/index.js';
import { createServer, defineConfig, lobbyRoom, type HashiEvent, type Server } from '../../src/index.js';

const boards = on.table('app.boards', { id: 'uuid', title: 'text', points: 'numeric?', open: 'boolean' });
const members = on.table('app.members', { board_id: 'uuid', who: 'text' });

const membership = { primaryKey: ['board_id', 'who'], by: 'board_id', player: 'who' } as const;

const board = on.family('board:event', {
  table: boards,
  keys: { boardId: on.column(boards, 'id') },
  audience: on.room('board', boards, 'id'),
  events: {
    'board.made': on.inserted(),
    'board.entered': on.related(members, membership, on.inserted(), 'join'),
    'board.left': on.related(members, membership, on.deleted(), 'leave'),
  },
  payload: on.object({ ...on.columns(boards, 'title', 'points', 'open'), who: on.changed(members, 'who') }),
});

/** Never called: the compiler is the test. */
function server(): void {
  const documented: Server = createServer();
  documented.on('contract.payout_finalized', (event) => {
    expectTypeOf(event.type).toEqualTypeOf<'contract.payout_finalized'>();
    expectTypeOf(event.payload.stakeAmount).toEqualTypeOf<string | null>();
    expectTypeOf(event.payload.players[0]?.fundedAt).toEqualTypeOf<string | null | undefined>();
    // @ts-expect-error a credential, and in no payload
    void event.payload.presignedUrl;
    // @ts-expect-error numeric travels as text
    const stake: number | null = event.payload.stakeAmount;
    void stake;
  });
  documented.on('storage.deleted', (event) => {
    expectTypeOf(event.payload.storage.sizeBytes).toEqualTypeOf<string | null>();
    // @ts-expect-error upload ids are credentials
    void event.payload.storage.uploadId;
  });
  documented.on('event', (event) => {
    expectTypeOf(event).toEqualTypeOf<HashiEvent>();
    // @ts-expect-error only some have one
    void event.contractId;
    if (event.type === 'lobby.left') expectTypeOf(event.payload.playerId).toEqualTypeOf<string | null>();
    // @ts-expect-error no event has this type
    if (event.type === 'lobby.renamed') return;
  });
  // @ts-expect-error no such event
  documented.on('contract.finalized', () => undefined);
  // @ts-expect-error a family is no event
  documented.on('contract:event', () => undefined);
  // @ts-expect-error not of the documented families
  documented.on('board.made', () => undefined);
  // @ts-expect-error a listener takes one event
  documented.on('contract.created', (event, more) => [event, more]);
  // @ts-expect-error a room is named by text
  lobbyRoom(1);

  const own = createServer({ families: [board] });
  own.on('board.entered', (event) => {
    expectTypeOf(event.boardId).toEqualTypeOf<string>();
    expectTypeOf(event.payload).toEqualTypeOf<{
      readonly title: string;
      readonly points: string | null;
      readonly open: boolean;
      readonly who: string | null;
    }>();
  });
  own.on('contract.created', () => undefined);
}

function options(): void {
  // @ts-expect-error a setting that is none
  createServer({ settings: { PROT: 3000 } });
  // @ts-expect-error a setting's value is a text, a number or a boolean
  createServer({ settings: { PORT: [3000] } });
  // @ts-expect-error no such option
  createServer({ family: [board] });
  // @ts-expect-error a family is made by family()
  createServer({ families: [{ name: 'board:event' }] });
  // @ts-expect-error an HTTP server, not its port
  createServer({ httpServer: 3000 });
  // @ts-expect-error a player needs an id
  createServer({ authenticate: () => ({ player: 'ann' }) });
  // @ts-expect-error milliseconds, not a date
  createServer({ authenticate: () => ({ playerId: 'ann', expiresAt: new Date() }) });
  // @ts-expect-error yes or no
  createServer({ canSubscribe: () => 'maybe' });
  // @ts-expect-error the request has no room
  createServer({ canSubscribe: ({ room }) => room === 'lobby' });
  // @ts-expect-error sockets have no such method
  createServer({ onConnection: (socket) => socket.send2('hello') });
  // @ts-expect-error an answer is an object
  createServer({ messages: { wave: () => 'hello' } });
  // @ts-expect-error what clients send is not known
  createServer({ messages: { wave: (_socket, data) => ({ text: data.text }) } });
  // @ts-expect-error one of the protocol's own names
  createServer({ messages: { subscribe: () => undefined } });
  // @ts-expect-error a name that Socket.IO has taken
  createServer({ messages: { disconnect: () => undefined } });
  createServer({ messages: { wave: async (socket, data) => ({ by: socket.id, data }) } });
  createServer({ onConnection: async (socket) => void (await socket.join('all')) });
  createServer({
    onConnection(socket) {
      expectTypeOf(socket.data.playerId).toEqualTypeOf<string>();
      expectTypeOf(socket.data.transport).toEqualTypeOf<'websocket' | 'socketio'>();
      // @ts-expect-error no such transport
      if (socket.data.transport === 'polling') return;
      // @ts-expect-error what a program adds is its own to check
      void socket.data['name'].length;
    },
  });
  createServer({ onConnection: (socket: Socket) => void socket.join('all') });
  void (async () => {
    for (const { data } of await createServer().io.fetchSockets())
      expectTypeOf(data.playerId).toEqualTypeOf<string>();
  });
}

function families(): void {
  // @ts-expect-error no such column
  on.column(boards, 'name');
  // @ts-expect-error one of them is none
  on.columns(boards, 'id', 'name');
  // @ts-expect-error no such column
  on.set(boards, 'done_at');
  // @ts-expect-error no such column
  on.becomes(boards, 'status', 'open');
  // @ts-expect-error no such column
  on.room('board', boards, 'board_id');
  // @ts-expect-error no such column
  on.player(boards, 'who');
  // @ts-expect-error a column of the other table
  on.lookup({ from: boards, by: 'board_id', table: members, key: 'board_id', column: 'who' });
  // @ts-expect-error no such column to count by
  on.count({ of: boards, key: 'id', table: members, by: 'board' });
  // @ts-expect-error no such column points at the family's row
  on.related(members, { primaryKey: ['board_id', 'who'], by: 'board' }, on.inserted());
  // @ts-expect-error no such column names the player
  on.related(members, { primaryKey: ['board_id', 'who'], by: 'board_id', player: 'name' }, on.inserted());
  // @ts-expect-error no such column in the key
  on.related(members, { primaryKey: ['board', 'who'], by: 'board_id' }, on.inserted());
  // @ts-expect-error no such effect
  on.related(members, { primaryKey: ['board_id', 'who'], by: 'board_id' }, on.inserted(), 'enter');
  // @ts-expect-error no such type of column
  on.table('app.boards', { id: 'varchar' });
  // @ts-expect-error a payload is a field, made by object()
  on.family('a:event', { table: boards, keys: {}, audience: on.everyone, events: {}, payload: {} });
  on.family('a:event', {
    table: boards,
    // @ts-expect-error no such column in the key
    primaryKey: ['uuid'],
    keys: {},
    audience: on.everyone,
    events: {},
    payload: on.object({}),
  });
  on.family('a:event', {
    table: boards,
    keys: {},
    // @ts-expect-error no such audience
    audience: 'everyone',
    events: {},
    payload: on.object({}),
  });
  on.family('a:event', {
    table: boards,
    keys: {},
    audience: on.everyone,
    // @ts-expect-error a transition is called
    events: { 'a.made': on.inserted },
    payload: on.object({}),
  });
}

function mapping(): void {
  defineConfig({
    mapping: {
      schema: 'game',
      tables: {
        contracts: { name: 'game.agreements', columns: { lobby_id: 'room_id', created_at: 'made_at' } },
        lobbies: 'rooms',
      },
    },
  });
  // @ts-expect-error no such table
  defineConfig({ mapping: { tables: { lobbys: 'rooms' } } });
  // @ts-expect-error no such column
  defineConfig({ mapping: { tables: { contracts: { columns: { lobby: 'room_id' } } } } });
  // @ts-expect-error columns go by their names in the database, not by the keys of payloads
  defineConfig({ mapping: { tables: { contracts: { columns: { lobbyId: 'room_id' } } } } });
  // @ts-expect-error a column of another table
  defineConfig({ mapping: { tables: { bounties: { columns: { mediator_id: 'judge' } } } } });
  // @ts-expect-error a name is text
  defineConfig({ mapping: { tables: { contracts: { columns: { lobby_id: 1 } } } } });
  // @ts-expect-error no such key of a table
  defineConfig({ mapping: { tables: { contracts: { table: 'game.agreements' } } } });
  // @ts-expect-error no such key
  defineConfig({ mapping: { schemas: 'game' } });
}

function client(): void {
  const own = connect<on.MessageOf<typeof board>>({ url: '', token: () => '' });
  own.on('board.made', (event) => {
    expectTypeOf(event.payload.points).toEqualTypeOf<string | null>();
    // @ts-expect-error not in the payload
    void event.payload.id;
  });
  own.on('board:event', (event) =>
    expectTypeOf(event.type).toEqualTypeOf<'board.made' | 'board.entered' | 'board.left'>(),
  );
  // @ts-expect-error no such event
  own.on('board.closed', () => undefined);
  // @ts-expect-error of another family
  own.on('contract.created', () => undefined);

  const both = connect<on.HashiMessage | on.MessageOf<typeof board>>({ url: '', token: () => '' });
  both.on('contract.created', (event) => void event.payload.stakeAmount);
  both.on('board.entered', (event) => void event.payload.who);
}

it('compiles', () => {
  for (const compiled of [server, options, families, mapping, client])
    expect(compiled).toBeTypeOf('function');
});
