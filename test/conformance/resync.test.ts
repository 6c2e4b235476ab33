/** What cannot be told as an event is told as RESYNC_REQUIRED, in its place, to those it concerns. */
import { describe, expect, it, vi } from 'vitest';
import { drivers, type Client } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const maxEventBytes = 4096;
const world = useWorld({ HASHI_MAX_EVENT_BYTES: String(maxEventBytes) });

const tooMuch = 'x'.repeat(maxEventBytes);

/** What was told, in order: an error by its code, an event by its type. */
const told = (messages: readonly { data: any }[]) => messages.map(({ data }) => data.code ?? data.type);

/** While memberships are read anew clients get nothing: tries until events reach them again. */
async function live(...clients: Client[]): Promise<void> {
  const tried = new Set<string>();
  await vi.waitFor(
    async () => {
      tried.add((await world.insert('contracts', {})).id);
      for (const { messages } of clients) {
        expect(messages.some(({ data }) => tried.has(data.contractId))).toBe(true);
      }
    },
    { timeout: 20_000, interval: 20 },
  );
  await world.settle(...clients);
}

describe.each(drivers)('resync: $name', (driver) => {
  it('tells everyone when a table is truncated, in its place among the events', async () => {
    const clients = [await world.open(driver, somebody()), await world.open(driver, somebody())];
    await world.insert('contracts', {});
    await world.query('truncate storage');
    await world.insert('contracts', {});
    for (const seen of await world.settle(...clients)) {
      expect(told(seen)).toEqual(['contract.created', 'RESYNC_REQUIRED', 'contract.created']);
      expect(seen[1]).toMatchObject({
        type: 'error',
        data: { message: expect.any(String), code: 'RESYNC_REQUIRED' },
      });
      expect(Object.keys(seen[1]?.data as object).sort()).toEqual(['code', 'message']);
    }
  });

  it('tells nothing of a lobby any more when its memberships were truncated', async () => {
    const [player, spectator] = [somebody(), somebody()];
    const lobby = await world.lobby({}, [player]);
    const open = await world.lobby({ visibility: 'public' });
    const clients = [await world.open(driver, player), await world.open(driver, spectator)];
    await clients[1]!.ask('subscribe', { lobbyId: open.id });
    await world.query('truncate lobby_participants');
    await live(...clients);
    await world.file(lobby.id);
    await world.settle(...clients);
    for (const { messages } of clients) {
      expect(told(messages).filter((what) => what === 'RESYNC_REQUIRED')).toHaveLength(1);
      expect(roomEvents(messages)).toEqual([]);
    }
  });

  it('goes on with subscriptions that may go on, and with no other, before it is told', async () => {
    const lobbies = await Promise.all(
      ['public', 'public', 'public'].map((visibility) => world.lobby({ visibility })),
    );
    const [stays, closes, given] = lobbies.map(({ id }) => id) as [string, string, string];
    const client = await world.open(driver, somebody());
    for (const lobbyId of [stays, closes, given]) await client.ask('subscribe', { lobbyId });
    await client.ask('unsubscribe', { lobbyId: given });
    // Nobody is told of the one that is private in the end, however that came about.
    await world.query(
      `begin; update lobbies set visibility = 'private' where id = '${closes}'; select realtime.resync(); commit`,
    );
    await client.next(({ data }) => data.code === 'RESYNC_REQUIRED');
    const files = [];
    for (const lobby of [stays, closes, given]) files.push(await world.file(lobby));
    expect((await world.settle(client)).map(roomEvents)).toEqual([[files[0]]]);
  });

  it('lets a player in again whose row came back with the truncation or after it', async () => {
    const [kept, back] = [somebody(), somebody()];
    const lobby = await world.lobby({}, [kept, back]);
    const clients = [await world.open(driver, kept), await world.open(driver, back)];
    await world.query(
      `begin; truncate lobby_participants; insert into lobby_participants values ('${lobby.id}', '${kept}'); commit`,
    );
    await world.query('insert into lobby_participants values ($1, $2)', [lobby.id, back]);
    await live(...clients);
    const file = await world.file(lobby.id);
    expect((await world.settle(...clients)).map(roomEvents)).toEqual([[file], [file]]);
  });

  it('stands for an event over the largest size, for those who would have got it', async () => {
    const member = somebody();
    const lobby = await world.lobby({}, [member]);
    const { id } = await world.insert('contracts', { lobby_id: lobby.id });
    const clients = [await world.open(driver, member), await world.open(driver, somebody())];
    await world.insert('storage', { contract_id: id, player_id: 'x', kind: 'external_url', url: tooMuch });
    await world.insert('contracts', { terms: JSON.stringify({ tooMuch }) });
    await world.insert('contracts', {});
    expect((await world.settle(...clients)).map(told)).toEqual([
      ['RESYNC_REQUIRED', 'RESYNC_REQUIRED', 'contract.created'],
      ['RESYNC_REQUIRED', 'contract.created'],
    ]);
  });

  it('counts the size in bytes, and lets through what just fits', async () => {
    const client = await world.open(driver, somebody());
    const sizeOf = async () => {
      const frame = await client.next('bounty.created');
      return Buffer.byteLength(JSON.stringify(frame.data));
    };
    await world.insert('bounties', { title: '', created_by: 'x' });
    const room = maxEventBytes - (await sizeOf());
    // Two bytes a letter.
    await world.insert('bounties', { title: 'é'.repeat(Math.floor(room / 2) - 8), created_by: 'x' });
    expect(await sizeOf()).toBeLessThanOrEqual(maxEventBytes);
    await world.insert('bounties', { title: 'é'.repeat(Math.floor(room / 2) + 8), created_by: 'x' });
    expect((await client.next()).data.code).toBe('RESYNC_REQUIRED');
  });
});
