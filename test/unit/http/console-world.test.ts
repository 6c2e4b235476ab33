import { describe, expect, it } from 'vitest';

// By URL, because the browser's modules have no types.
const module = (name: string) => new URL(`../../../src/http/console/${name}`, import.meta.url).href;
const { World } = await import(module('world.js'));
const { filterOf } = await import(module('filters.js'));
const { ServerClock } = await import(module('clock.js'));
const { Rates, seconds } = await import(module('rates.js'));
const { filledIn } = await import(module('development.js'));

const lobbyId = '0d1c8d0e-6a1c-4d7e-9c1e-1f2a3b4c5d6e';
const connected = {
  type: 'connected',
  data: { playerId: 'ann', lobbies: [{ lobbyId, lobbyCode: 'ABC123' }], cursor: 'c' },
};
const people = (...ids: string[]) => ids.map((playerId) => ({ playerId, role: 'player', createdAt: '' }));
const lobbyEvent = (type: string, playerId: string | null, ...inside: string[]) => ({
  type: 'lobby:event',
  data: {
    type,
    lobbyId,
    lobbyCode: 'ABC123',
    timestamp: '2026-01-01T00:00:00.000Z',
    payload: {
      lobby: { id: lobbyId, code: 'ABC123', hostId: 'ann', status: 'open', participants: people(...inside) },
      playerId,
      participantCount: inside.length,
    },
  },
});
const contractEvent = (type: string, columns: object) => ({
  type: 'contract:event',
  data: {
    type,
    contractId: 'c1',
    lobbyId: 'ABC123',
    timestamp: '2026-01-01T00:00:00.000Z',
    payload: { id: 'c1', lobbyId, lobbyCode: 'ABC123', status: 'created', players: [], ...columns },
  },
});
const paid = (playerId: string, fundedAt: string | null) => ({ playerId, fundedAt, outcome: null });

describe("the console's state", () => {
  it('knows what an event has changed, to the column of a player', () => {
    const world = new World();
    world.apply(connected);
    expect([...world.apply(contractEvent('contract.created', {}))[0].changed]).toEqual([]);
    const of = (type: string, columns: object) => [...world.apply(contractEvent(type, columns))[0].changed];
    expect(of('contract.initialized', { status: 'initialized' })).toEqual(['status']);
    expect(of('x', { status: 'initialized', players: [paid('bob', null)] })).toEqual([
      'players.bob.playerId',
    ]);
    expect(of('x', { status: 'initialized', players: [paid('bob', 'now')] })).toEqual([
      'players.bob.fundedAt',
    ]);
  });

  it('follows memberships, and takes a lobby that the player has left for gone', () => {
    const world = new World();
    world.apply(connected);
    expect([...world.memberships.values()]).toEqual(['ABC123']);
    const [joined] = world.apply(lobbyEvent('lobby.joined', 'bob', 'ann', 'bob'));
    expect(joined.gone).toBe(false);
    expect(world.apply(lobbyEvent('lobby.left', 'bob', 'ann'))[0].gone).toBe(false);
    expect(world.apply(lobbyEvent('lobby.left', 'ann'))[0].gone).toBe(true);
    expect([...world.memberships.values()]).toEqual([]);
  });

  it('keeps who was there when a lobby is deleted', () => {
    const world = new World();
    world.apply(lobbyEvent('lobby.joined', 'bob', 'ann', 'bob'));
    const [gone] = world.apply(lobbyEvent('lobby.deleted', null));
    expect(gone.gone).toBe(true);
    expect(gone.state.participants).toHaveLength(2);
  });

  it('says that it is out of date when events are lost, and begins anew with another player', () => {
    const world = new World();
    world.apply(connected);
    world.apply({ type: 'error', data: { code: 'RESYNC_REQUIRED' } });
    expect(world.stale).toBe(true);
    world.apply({ ...connected, data: { ...connected.data, playerId: 'bob', lobbies: [] } });
    expect(world.stale).toBe(false);
    expect(world.things.size).toBe(0);
  });

  it('stays bounded, and lets go first what is gone', () => {
    const world = new World();
    const event = (at: number, type: string) => ({
      type: 'bounty:event',
      data: { type, bountyId: `b${at}`, payload: { status: 'open' } },
    });
    for (let at = 0; at < 100; at++) world.apply(event(at, 'bounty.created'));
    world.apply(event(50, 'bounty.deleted'));
    world.apply(event(100, 'bounty.created'));
    expect(world.things.size).toBe(100);
    expect(world.things.has('b50')).toBe(false);
    world.apply(event(101, 'bounty.created'));
    expect(world.things.has('b0')).toBe(false);
  });
});

describe("the console's filter", () => {
  const joined = lobbyEvent('lobby.joined', 'bob', 'ann', 'bob');

  it('takes a family as well as a type, and a lobby by id as well as by code', () => {
    expect(filterOf({ type: 'lobby' })(joined)).toBe(true);
    expect(filterOf({ type: 'lobby.left' })(joined)).toBe(false);
    expect(filterOf({ lobby: 'abc1' })(joined)).toBe(true);
    expect(filterOf({ lobby: lobbyId })(joined)).toBe(true);
    expect(filterOf({ lobby: 'abc1' })(contractEvent('contract.created', {}))).toBe(true);
    expect(filterOf({ lobby: lobbyId })(contractEvent('contract.created', {}))).toBe(true);
  });

  it('takes the player whom a message is about, not everybody in the lobby', () => {
    expect(filterOf({ player: 'bob' })(joined)).toBe(true);
    expect(filterOf({ player: 'ann' })(joined)).toBe(false);
    expect(filterOf({ player: 'bob' })(contractEvent('x', { players: [paid('bob', null)] }))).toBe(true);
    expect(filterOf({ player: 'bob' })(contractEvent('x', {}))).toBe(false);
  });

  it('wants all that is given', () => {
    expect(filterOf({ type: 'lobby', text: '"participantCount":2' })(joined)).toBe(true);
    expect(filterOf({ type: 'contract', text: '"participantCount":2' })(joined)).toBe(false);
    expect(filterOf({})({ type: 'pong', data: {} })).toBe(true);
  });
});

describe("the console's figures", () => {
  it("takes the difference of the clocks from the quickest ping's middle", () => {
    const clock = new ServerClock();
    expect(clock.offsetMs).toBe(0);
    const at = (milliseconds: number) => new Date(performance.timeOrigin + milliseconds).toISOString();
    // A minute ahead, answered half-way; then one that took its time on the way back.
    clock.observe(1000, 1010, at(61_005));
    clock.observe(2000, 2500, at(62_002));
    expect(clock.offsetMs).toBeCloseTo(60_000, -1);
    const now = performance.now();
    expect(clock.since(at(now + 60_000 - 25))).toBeGreaterThanOrEqual(20);
    expect(clock.since(at(now + 90_000))).toBe(0);
  });

  it('tells a minute in seconds, with medians, and nothing for a second without any', () => {
    const rates = new Rates();
    rates.event(30);
    rates.event(10);
    rates.event(20);
    rates.event(undefined);
    rates.tick();
    rates.tick();
    const { events, latencies, roundTrips } = rates.minute;
    expect(events).toHaveLength(seconds);
    expect(events.slice(-3)).toEqual([0, 4, 0]);
    expect(latencies.slice(-2)).toEqual([20, undefined]);
    expect(roundTrips.at(-1)).toBeUndefined();
  });
});

describe('the SQL that is shown', () => {
  it('has its values in, quoted, and leaves casts and what is not known yet alone', () => {
    expect(filledIn(['select :player::text, :lobby', 'x'], { player: `o'neil` })).toBe(
      `select 'o''neil'::text, :lobby;\n\nx;`,
    );
  });
});
