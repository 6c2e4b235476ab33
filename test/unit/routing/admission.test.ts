import { beforeEach, describe, expect, it } from 'vitest';
import type { Feed } from '../../../src/log/feed.js';
import { Admission } from '../../../src/routing/admission.js';
import type { Membership, Memberships } from '../../../src/routing/memberships.js';
import type { Replay } from '../../../src/routing/replay.js';
import type { Connection } from '../../../src/transports/connection.js';
import { fakeConnection, fakeHub, type FakeConnection, message } from './fakes.js';

const lobby = (id: string): Membership => ({
  room: `lobby:${id}`,
  lobby: { lobbyId: id, lobbyCode: `C${id}` },
});

let fake: ReturnType<typeof fakeHub>;
let barriers: (() => void)[];
let read: () => Promise<readonly Membership[]>;
let generation: number;
let replayed: { since: number; rooms: string[] }[];
let possible: () => Promise<boolean>;
let ends: 'live' | 'pruned' | 'closed';
let resumes: string[];
let errors: unknown[];
let patienceMs: number;

beforeEach(() => {
  fake = fakeHub();
  barriers = [];
  generation = 1;
  read = async () => [lobby('1'), lobby('2')];
  replayed = [];
  possible = async () => true;
  ends = 'live';
  resumes = [];
  errors = [];
  patienceMs = 10_000;
});

const admission = () =>
  new Admission({
    hub: fake.hub,
    door: fake.door,
    feed: {
      epoch: 'abc',
      get generation() {
        return generation;
      },
      position: 100,
      cursor: 'abc-2s',
      atBarrier: (callback: () => void) => {
        barriers.push(callback);
        atBarrier();
      },
    } as unknown as Feed,
    memberships: { of: () => read() } as unknown as Memberships,
    replay: {
      possible: () => possible(),
      run: async (
        _connection: Connection,
        since: number,
        rooms: ReadonlySet<string>,
        goLive: (rooms: ReadonlySet<string>) => void,
      ) => {
        replayed.push({ since, rooms: [...rooms] });
        if (ends === 'live') goLive(rooms);
        return ends;
      },
    } as unknown as Replay,
    subscriptions: { renew: async () => undefined },
    onResume: (result) => void resumes.push(result),
    patienceMs,
    onError: (error) => void errors.push(error),
  });

/** Runs when somebody has asked for a barrier: what passes in the log before it is reached. */
let meanwhile: (connection: FakeConnection) => void = () => undefined;
let atBarrier: () => void = () => undefined;

async function admit(since?: string, lost = false): Promise<FakeConnection> {
  const connection = fakeConnection('me');
  atBarrier = () => {
    meanwhile(connection);
    meanwhile = () => undefined;
    for (const callback of barriers.splice(0)) callback();
  };
  await admission().admit(connection, since, lost);
  return connection;
}
const told = (connection: FakeConnection) => connection.wire.texts.map((text) => JSON.parse(text));

describe('Admission', () => {
  it('greets, and is then live in the rooms of the player’s lobbies and its own', async () => {
    const connection = await admit();
    expect(told(connection)).toEqual([
      {
        playerId: 'me',
        connectionId: connection.id,
        lobbies: [
          { lobbyId: '1', lobbyCode: 'C1' },
          { lobbyId: '2', lobbyCode: 'C2' },
        ],
        cursor: 'abc-2s',
        recovered: false,
        timestamp: expect.stringMatching(/Z$/),
      },
    ]);
    expect([...fake.hub.roomNames()].sort()).toEqual(['lobby:1', 'lobby:2', 'player:me']);
    expect(connection.live).toBe(true);
    expect(fake.hub.everyone.has(connection)).toBe(true);
  });

  it('puts the moves that pass meanwhile on top of what was read', async () => {
    meanwhile = (connection) => {
      connection.moves.set('lobby:1', 'leave').set('lobby:3', 'join');
    };
    const connection = await admit();
    expect([...connection.memberships].sort()).toEqual(['lobby:2', 'lobby:3']);
    expect(told(connection)[0].lobbies).toEqual([{ lobbyId: '2', lobbyCode: 'C2' }]);
    expect(connection.moves.size).toBe(0);
  });

  it('names all lobbies of who joins and leaves them while they are read, the last joined last', async () => {
    let connection: FakeConnection | undefined;
    meanwhile = (admitted) => (connection = admitted).moves.set('lobby:3', 'join');
    const readings = [['1'], ['1', '3'], ['1', '4'], ['1'], ['1']];
    let count = 0;
    read = async () => {
      // Left and joined again, always between a reading and its place in the log.
      if (count === 1) connection?.moves.set('lobby:4', 'join');
      return (readings[count++] ?? []).map(lobby);
    };
    const admitted = await admit();
    expect([...admitted.memberships].sort()).toEqual(['lobby:1', 'lobby:3', 'lobby:4']);
    const { lobbies } = told(admitted)[0] as { lobbies: { lobbyId: string }[] };
    expect(lobbies.map(({ lobbyId }) => lobbyId)).toEqual(['1', '4', '3']);
    expect(count).toBe(3);
  });

  it('does nothing for a client that is gone by then', async () => {
    meanwhile = (connection) => fake.hub.remove(connection);
    const connection = await admit();
    expect(told(connection)).toEqual([]);
    expect([...fake.hub.roomNames()]).toEqual([]);
  });

  it('tries again while the database does not answer', async () => {
    let tries = 0;
    read = async () => {
      if (++tries < 3) throw new Error('down');
      return [];
    };
    const connection = await admit();
    expect(tries).toBe(3);
    expect(connection.live).toBe(true);
  });

  it('gives up after its patience: try again later', async () => {
    patienceMs = -1;
    const down = new Error('down');
    read = async () => {
      throw down;
    };
    const connection = await admit();
    expect(connection.wire.closes).toEqual([1013]);
    expect(errors).toEqual([down]);
  });

  it('replays from a cursor of this log, and keeps it as the greeting’s own', async () => {
    const connection = await admit('abc-a');
    expect(told(connection)[0]).toMatchObject({ cursor: 'abc-a', recovered: true });
    expect(replayed).toEqual([{ since: 10, rooms: ['lobby:1', 'lobby:2'] }]);
    expect(connection.live).toBe(true);
    expect(resumes).toEqual(['recovered']);
  });

  it.each([
    ['no cursor at all', 'nonsense', true],
    ['of another epoch', 'def-a', true],
    ['from the future', 'abc-zz', true],
    ['no longer kept', 'abc-a', false],
  ])('tells of a cursor that cannot be resumed from, and is live: %s', async (_name, since, held) => {
    possible = async () => held;
    const connection = await admit(since);
    expect(told(connection)).toMatchObject([
      { recovered: false, cursor: 'abc-2s' },
      { code: 'RESUME_FAILED' },
    ]);
    expect(connection.live).toBe(true);
    expect(replayed).toEqual([]);
    expect(resumes).toEqual(['failed']);
  });

  it('tells of a cursor that stopped meaning anything while it was asked for', async () => {
    possible = async () => {
      generation++;
      return true;
    };
    const connection = await admit('abc-a');
    expect(told(connection)).toMatchObject([{ recovered: false }, { code: 'RESUME_FAILED' }]);
    expect(replayed).toEqual([]);
  });

  it('counts moves that pass while it finds out whether it can be resumed', async () => {
    let connection: FakeConnection | undefined;
    meanwhile = (admitted) => (connection = admitted);
    possible = async () => {
      connection?.moves.set('lobby:1', 'leave');
      return false;
    };
    await admit('abc-a');
    expect([...(connection?.memberships ?? [])]).toEqual(['lobby:2']);
  });

  it('tells of a replay that was overtaken by the log’s end, and reads memberships again', async () => {
    ends = 'pruned';
    const connection = await admit('abc-a');
    expect(told(connection)).toMatchObject([{ recovered: true }, { code: 'RESUME_FAILED' }]);
    expect(connection.live).toBe(true);
    expect(connection.memberships.size).toBe(2);
    expect(resumes).toEqual(['recovered', 'failed']);
  });

  it('tells of a session that could not be taken up', async () => {
    const connection = await admit(undefined, true);
    expect(told(connection)).toMatchObject([{ recovered: false }, { code: 'RESUME_FAILED' }]);
    expect(connection.live).toBe(true);
  });

  it('reads memberships anew for live connections', async () => {
    const connection = await admit();
    for (const room of ['lobby:1', 'lobby:2']) {
      connection.leave(room);
      fake.door.leave(connection, room);
    }
    read = async () => [lobby('2')];
    await admission().refresh([connection]);
    expect([...connection.memberships]).toEqual(['lobby:2']);
    expect(connection.live).toBe(true);
  });

  it('sends nothing while it reads them, for its place would pass what has not been told yet', async () => {
    const connection = await admit();
    meanwhile = () => {
      fake.hub.deliverToAll(message('meanwhile'));
      fake.hub.flush();
    };
    await admission().refresh([connection]);
    fake.hub.deliverToAll(message('"after"'));
    fake.hub.flush();
    expect(told(connection).slice(1)).toMatchObject([{ code: 'RESYNC_REQUIRED' }, 'after']);
  });
});
