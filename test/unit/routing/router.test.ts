import { beforeEach, describe, expect, it } from 'vitest';
import { catalog, familiesByEvent } from '../../../src/catalog/index.js';
import { EntryMessages } from '../../../src/routing/messages.js';
import { Router } from '../../../src/routing/router.js';
import { entry, fakeConnection, fakeHub } from './fakes.js';

const room = 'lobby:1';

let fake: ReturnType<typeof fakeHub>;
let router: Router;
let changes: (string | null)[];
let resets: (string | null)[];
let oversize: number[];

beforeEach(() => {
  fake = fakeHub();
  changes = [];
  resets = [];
  oversize = [];
  router = new Router({
    hub: fake.hub,
    door: fake.door,
    messages: new EntryMessages(familiesByEvent(catalog), 100, ({ seq }) => void oversize.push(seq)),
    epoch: () => 'e',
    onRoomChange: (changed) => void changes.push(changed),
    onReset: (player) => void resets.push(player),
  });
});

const joins = (seq: number, member: string) =>
  entry(seq, { type: 'lobby.joined', room, effect: 'join', member });
const leaves = (seq: number, member: string) =>
  entry(seq, { type: 'lobby.left', room, effect: 'leave', member });
const inRoom = (seq: number) => entry(seq, { type: 'lobby.joined', room });
const resync = expect.stringContaining('RESYNC_REQUIRED');

describe('Router', () => {
  it('sends to everyone, to a room, and to nobody', () => {
    const [member, other] = [fake.live('a', room), fake.live('b')];
    router.route([entry(1), inRoom(2), entry(3, { room: null })]);
    expect(member.wire.texts).toEqual(['"1"', '"2"']);
    expect(other.wire.texts).toEqual(['"1"']);
  });

  it('writes the pages of a backlog together, as long as more follows', () => {
    const [member, other] = [fake.live('a', room), fake.live('b')];
    router.route([entry(1), inRoom(2)], true);
    router.route([inRoom(3)], true);
    expect([member.wire.writes, other.wire.writes]).toEqual([[], []]);
    router.route([entry(4)]);
    expect(member.wire.writes).toEqual([['"1"', '"2"', '"3"', '"4"']]);
    expect(other.wire.writes).toEqual([['"1"', '"4"']]);
  });

  it('does not wait for long for a page that does not come', async () => {
    const member = fake.live('a', room);
    router.route([entry(1)], true);
    await expect.poll(() => member.wire.texts).toEqual(['"1"']);
  });

  it('writes a backlog that is large before the rest of it comes', () => {
    const member = fake.live('a', room);
    const large = JSON.stringify('x'.repeat(600_000));
    router.route([entry(1, { data: large }), entry(2, { data: large })], true);
    expect(member.wire.writes).toHaveLength(1);
    router.route([entry(3, { room, data: large }), entry(4, { room, data: large })], true);
    expect(member.wire.writes).toHaveLength(2);
    router.route([]);
  });

  it('tells one who comes live in the middle of a backlog only of what comes after', () => {
    const member = fake.live('a');
    router.route([entry(1)], true);
    const late = fakeConnection('late');
    fake.hub.add(late);
    fake.hub.enter(late);
    expect(member.wire.texts).toEqual(['"1"']);
    router.route([entry(2)]);
    expect(late.wire.texts).toEqual(['"2"']);
    expect(member.wire.texts).toEqual(['"1"', '"2"']);
  });

  it('lets a player hear its own joining and leaving, and nothing before or after', () => {
    const member = fake.live('a');
    router.route([inRoom(1), joins(2, 'a'), inRoom(3), leaves(4, 'a'), inRoom(5)]);
    expect(member.wire.texts).toEqual(['"2"', '"3"', '"4"']);
    expect(member.memberships.size).toBe(0);
    expect(changes).toEqual([room]);
  });

  it('moves all of a player’s connections, and nobody else’s', () => {
    const [a1, a2, b] = [fake.live('a', room), fake.live('a', room), fake.live('b', room)];
    router.route([leaves(1, 'a'), inRoom(2)]);
    expect([a1, a2, b].map(({ wire }) => wire.texts)).toEqual([['"1"'], ['"1"'], ['"1"', '"2"']]);
  });

  it('ends a subscription with the membership', () => {
    const a = fake.live('a', room);
    a.subscribe(room);
    router.route([leaves(1, 'a'), inRoom(2)]);
    expect(a.wire.texts).toEqual(['"1"']);
    expect(a.subscriptions.size).toBe(0);
  });

  it('tells a named player besides the room, once', () => {
    const [host, other] = [fake.live('host'), fake.live('b')];
    const both = fake.live('host', room);
    router.route([entry(1, { type: 'lobby.created', room, player: 'host' })]);
    expect([host, both, other].map(({ wire }) => wire.texts)).toEqual([['"1"'], ['"1"'], []]);
  });

  it('empties a room that is closed, after its end was told', () => {
    const a = fake.live('a', room);
    router.route([
      entry(1, { type: 'lobby.deleted', room, effect: 'close' }),
      entry(2, { type: 'realtime.ended', room, effect: 'ended', member: 'a', data: null }),
      inRoom(3),
    ]);
    expect(a.wire.texts).toEqual(['"1"']);
    expect([...fake.hub.roomNames()]).toEqual([]);
  });

  it('notes moves of those who are not live yet', () => {
    const admitting = fakeConnection('a');
    fake.hub.add(admitting);
    router.route([joins(1, 'a'), leaves(2, 'a'), joins(3, 'a')]);
    expect([...admitting.moves]).toEqual([[room, 'join']]);
    router.route([entry(4, { type: 'realtime.ended', room, effect: 'ended', member: 'a', data: null })]);
    expect([...admitting.moves]).toEqual([[room, 'leave']]);
    expect(admitting.wire.texts).toEqual([]);
  });

  it('takes out who has lost the right, keeps members, mediators and the public', () => {
    const [member, mediator, guest] = [fake.live('a', room), fake.live('m'), fake.live('g')];
    for (const subscriber of [mediator, guest]) {
      subscriber.subscribe(room);
      fake.door.enter(subscriber, room);
    }
    const rights = (seq: number, isPublic: boolean) =>
      entry(seq, {
        type: 'realtime.rights',
        room,
        effect: 'rights',
        data: JSON.stringify({ public: isPublic, mediators: ['m'] }),
      });
    router.route([rights(1, true), inRoom(2), rights(3, false), inRoom(4)]);
    expect(member.wire.texts).toEqual(['"2"', '"4"']);
    expect(mediator.wire.texts).toEqual(['"2"', '"4"']);
    expect(guest.wire.texts).toEqual(['"2"']);
    expect(changes).toEqual([room, room]);
  });

  it('tells the audience of a quarantined event to read again', () => {
    const [member, other] = [fake.live('a', room), fake.live('b')];
    router.route([entry(1, { type: 'realtime.quarantined', room, data: null })]);
    expect(member.wire.texts).toEqual([resync]);
    expect(other.wire.texts).toEqual([]);
  });

  it('takes a player out of all lobbies until its memberships have been read again', () => {
    const [a, b] = [fake.live('a', room, 'lobby:2'), fake.live('b', room)];
    router.route([
      entry(1, { type: 'realtime.quarantined', room, effect: 'reset', member: 'a', data: null }),
      inRoom(2),
    ]);
    // Who is concerned is told when that is done.
    expect(a.wire.texts).toEqual([]);
    expect(b.wire.texts).toEqual([resync, '"2"']);
    expect(resets).toEqual(['a']);
    router.route([entry(3, { type: 'realtime.truncated', effect: 'reset', data: null }), inRoom(4)]);
    expect(resets).toEqual(['a', null]);
    expect(b.wire.texts).toEqual([resync, '"2"']);
  });

  it('tells of an event that is too big, or of a kind it does not know, by RESYNC_REQUIRED', () => {
    const a = fake.live('a');
    router.route([
      entry(1, { data: `"${'é'.repeat(49)}"` }),
      entry(2, { data: `"${'é'.repeat(50)}"` }),
      entry(3, { type: 'tournament.started' }),
    ]);
    expect(a.wire.texts).toEqual([`"${'é'.repeat(49)}"`, resync, resync]);
    expect(oversize).toEqual([2]);
  });
});
