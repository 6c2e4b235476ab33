import { beforeEach, describe, expect, it } from 'vitest';
import { db, insert, newContract, newLobby } from './trigger-rows.js';

describe('lobbies', () => {
  it('tells its host of an INSERT besides its room', async () => {
    const [event] = await db.written(`insert into lobbies (code, host_id) values ('HOSTED', 'h')`);
    const id = event?.data.lobbyId;
    expect(event).toMatchObject({ type: 'lobby.created', room: `lobby:${id}`, player: 'h', effect: null });
    expect(event?.data).toMatchObject({
      lobbyCode: 'HOSTED',
      payload: { playerId: null, participantCount: 0, lobby: { participants: [], hostId: 'h' } },
    });
  });

  it('writes no event for an UPDATE, and uses a changed code from the next event on', async () => {
    const id = await newLobby();
    expect(
      await db.types(
        `update lobbies set code = 'MOVED', name = 'n', host_id = 'h', status = 's', max_players = 3 where id = $1`,
        [id],
      ),
    ).toEqual([]);
    const [event] = await db.written(`insert into lobby_participants values ($1, 'p')`, [id]);
    expect(event?.data).toMatchObject({ lobbyCode: 'MOVED', payload: { lobby: { code: 'MOVED' } } });
  });

  it('is deleted by lobby.deleted alone, empty, and its memberships end silently', async () => {
    const id = await newLobby();
    await db.query(`insert into lobby_participants values ($1, 'a'), ($1, 'b')`, [id]);
    const events = await db.written('delete from lobbies where id = $1', [id]);
    expect(events.map(({ type, effect, data }) => [type, effect, data === null])).toEqual([
      ['lobby.deleted', 'close', false],
      ['realtime.ended', 'ended', true],
      ['realtime.ended', 'ended', true],
    ]);
    expect(events[0]?.data.payload).toMatchObject({ participantCount: 0, lobby: { participants: [] } });
  });

  it('leaves its contracts and bounties without a lobby, silently', async () => {
    const id = await newLobby();
    const contract = await newContract(id);
    await db.query(`insert into bounties (lobby_id, title, created_by) values ($1, 't', 'p')`, [id]);
    expect(await db.types('delete from lobbies where id = $1', [id])).toEqual(['lobby.deleted']);
    const [event] = await db.written(`update contracts set status = 'initialized' where id = $1`, [contract]);
    expect(event?.data).toMatchObject({ lobbyId: null, payload: { lobbyCode: null } });
  });

  it('writes who keeps a right when its visibility changes, not when it stays', async () => {
    const id = await newLobby();
    await db.query(`insert into contracts (lobby_id, mediator_id) values ($1, 'm')`, [id]);
    const [opened] = await db.written(`update lobbies set visibility = 'public' where id = $1`, [id]);
    expect(opened).toMatchObject({
      type: 'realtime.rights',
      room: `lobby:${id}`,
      effect: 'rights',
      data: { public: true, mediators: ['m'] },
    });
    expect(await db.types(`update lobbies set visibility = 'public' where id = $1`, [id])).toEqual([]);
    const [closed] = await db.written(`update lobbies set visibility = 'private' where id = $1`, [id]);
    expect(closed?.data).toEqual({ public: false, mediators: ['m'] });
  });

  it('writes who keeps a right when a mediator changes, its contract moves or goes', async () => {
    const [id, other] = [await newLobby(), await newLobby()];
    const rights = (sql: string, params: unknown[]) =>
      db.written(sql, params).then((events) => events.filter(({ type }) => type === 'realtime.rights'));
    const contract = await insert(`insert into contracts (lobby_id, mediator_id) values ($1, 'm')`, [id]);
    expect(await rights(`update contracts set mediator_id = 'n' where id = $1`, [contract])).toMatchObject([
      { room: `lobby:${id}`, data: { mediators: ['n'] } },
    ]);
    expect(await rights('update contracts set lobby_id = $2 where id = $1', [contract, other])).toMatchObject(
      [{ room: `lobby:${id}`, data: { mediators: [] } }],
    );
    expect(await rights('delete from contracts where id = $1', [contract])).toMatchObject([
      { room: `lobby:${other}`, data: { mediators: [] } },
    ]);
  });
});

describe('lobby_participants', () => {
  let id: string;
  beforeEach(async () => {
    id = await newLobby();
  });

  it('joins on INSERT and leaves on DELETE, counted after the change', async () => {
    const joined = await db.written(
      `insert into lobby_participants (lobby_id, player_id, role) values ($1, 'b', 'player'), ($1, 'a', 'host')`,
      [id],
    );
    expect(joined).toMatchObject([
      { type: 'lobby.joined', room: `lobby:${id}`, effect: 'join', member: 'b' },
      { type: 'lobby.joined', room: `lobby:${id}`, effect: 'join', member: 'a' },
    ]);
    expect(joined[1]?.data.payload).toMatchObject({ playerId: 'a', participantCount: 2 });
    expect(joined[1]?.data.payload.lobby.participants).toEqual([
      { playerId: 'a', role: 'host', createdAt: expect.any(String) },
      { playerId: 'b', role: 'player', createdAt: expect.any(String) },
    ]);
    const left = await db.written(`delete from lobby_participants where lobby_id = $1 and player_id = 'b'`, [
      id,
    ]);
    expect(left).toMatchObject([
      {
        type: 'lobby.left',
        effect: 'leave',
        member: 'b',
        data: {
          payload: { playerId: 'b', participantCount: 1, lobby: { participants: [{ playerId: 'a' }] } },
        },
      },
    ]);
  });

  it('is silent about a role', async () => {
    await db.query(`insert into lobby_participants values ($1, 'a')`, [id]);
    expect(await db.types(`update lobby_participants set role = 'host' where lobby_id = $1`, [id])).toEqual(
      [],
    );
  });

  it('tells of another player or lobby in the row by a left and a joined', async () => {
    const other = await newLobby();
    await db.query(`insert into lobby_participants values ($1, 'a')`, [id]);
    const swapped = await db.written(`update lobby_participants set player_id = 'b' where lobby_id = $1`, [
      id,
    ]);
    expect(swapped).toMatchObject([
      { type: 'lobby.left', effect: 'leave', member: 'a', data: { payload: { playerId: 'a' } } },
      { type: 'lobby.joined', effect: 'join', member: 'b', data: { payload: { playerId: 'b' } } },
    ]);
    const moved = await db.written('update lobby_participants set lobby_id = $2 where lobby_id = $1', [
      id,
      other,
    ]);
    expect(moved).toMatchObject([
      { type: 'lobby.left', room: `lobby:${id}`, data: { payload: { participantCount: 0 } } },
      { type: 'lobby.joined', room: `lobby:${other}`, data: { payload: { participantCount: 1 } } },
    ]);
  });

  it('keeps a player who is moved and moved back within one transaction', async () => {
    await db.query(`insert into lobby_participants values ($1, 'a')`, [id]);
    expect(
      await db.types(
        `with gone as (delete from lobby_participants where lobby_id = '${id}') select;
         insert into lobby_participants values ('${id}', 'a')`,
      ),
    ).toEqual(['lobby.left', 'lobby.joined']);
  });
});

describe('storage', () => {
  let lobby: string;
  let contract: string;
  beforeEach(async () => {
    lobby = await newLobby();
    contract = await newContract(lobby);
  });
  const store = (kind: string, status = 'pending') =>
    db.written(`insert into storage (contract_id, player_id, kind, status) values ($1, 'p', $2, $3)`, [
      contract,
      kind,
      status,
    ]);

  it.each([
    ['external_url', ['storage.external_url_created']],
    ['presigned_url', ['storage.presigned_url_created']],
    ['multipart', []],
  ])('tells of an INSERT of kind %s', async (kind, types) => {
    const events = await store(kind, 'completed');
    expect(events.map((event) => event.type)).toEqual(types);
    for (const event of events) {
      expect(event.room).toBe(`lobby:${lobby}`);
      expect(event.data).toMatchObject({ contractId: contract, playerId: 'p' });
    }
  });

  it('tells of a multipart upload that completes or aborts, of no other kind', async () => {
    await store('multipart');
    await store('external_url');
    const become = (status: string) =>
      db.types('update storage set status = $2 where contract_id = $1', [contract, status]);
    expect(await become('completed')).toEqual(['storage.multipart_completed']);
    expect(await become('completed')).toEqual([]);
    expect(await become('aborted')).toEqual(['storage.multipart_aborted']);
    expect(await become('pending')).toEqual([]);
  });

  it('tells of a deletion', async () => {
    await store('external_url');
    expect(await db.types('delete from storage where contract_id = $1', [contract])).toEqual([
      'storage.deleted',
    ]);
  });

  it('goes to nobody when its contract has no lobby', async () => {
    await db.query('update contracts set lobby_id = null where id = $1', [contract]);
    expect(await store('external_url')).toMatchObject([
      { room: null, player: null, data: { lobbyId: null } },
    ]);
  });

  it('goes to the lobby its contract was moved to', async () => {
    const other = await newLobby();
    await db.query('update contracts set lobby_id = $2 where id = $1', [contract, other]);
    expect(await store('external_url')).toMatchObject([{ room: `lobby:${other}` }]);
  });
});

describe('bounties', () => {
  it('tells of INSERT alone, of each time that is set, and of DELETE', async () => {
    expect(
      await db.types(
        `insert into bounties (title, created_by, claimed_at, completed_at, cancelled_at) values ('t', 'p', now(), now(), now())`,
      ),
    ).toEqual(['bounty.created']);
    const id = await insert(`insert into bounties (title, created_by) values ('t', 'p')`);
    const update = (assignments: string) =>
      db.types(`update bounties set ${assignments} where id = $1`, [id]);
    expect(await update(`claimed_at = '2026-01-01Z'`)).toEqual(['bounty.claimed']);
    expect(await update(`claimed_at = '2026-01-01Z', status = 'claimed', claimed_by = 'q'`)).toEqual([]);
    expect(await update('claimed_at = null')).toEqual([]);
    expect(await update('cancelled_at = now(), completed_at = now()')).toEqual([
      'bounty.completed',
      'bounty.cancelled',
    ]);
    expect(await db.types('delete from bounties where id = $1', [id])).toEqual(['bounty.deleted']);
  });
});

describe('TRUNCATE', () => {
  it.each(['lobbies', 'contracts', 'contract_players', 'lobby_participants', 'storage', 'bounties'])(
    'of %s tells everyone to read the state again',
    async (table) => {
      const events = await db.written(`truncate ${table} cascade`);
      expect(events.length).toBeGreaterThan(0);
      for (const event of events) expect(event).toMatchObject({ type: 'realtime.truncated', room: '*' });
    },
  );

  it.each(['lobbies', 'lobby_participants'])('of %s has memberships read again', async (table) => {
    const events = await db.written(`truncate ${table} cascade`);
    expect(events).toContainEqual(expect.objectContaining({ effect: 'reset' }));
  });
});
