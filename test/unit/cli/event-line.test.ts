import { describe, expect, it } from 'vitest';
import { EventFilter, list, typesAre } from '../../../src/cli/event-filter.js';
import { eventLine, factsOf } from '../../../src/cli/event-line.js';
import type { EntryFacts } from '../../../src/log/entry.js';

const uuid = '6f1c0b1e-3c53-4d4e-9a39-0c9f5c1f9a10';
const at = Date.parse('2026-01-15T12:00:00.000Z');
const base: EntryFacts = {
  seq: 7,
  type: '',
  room: null,
  player: null,
  effect: null,
  member: null,
  data: null,
  at,
};

const joined: EntryFacts = {
  ...base,
  type: 'lobby.joined',
  room: `lobby:${uuid}`,
  effect: 'join',
  member: 'bob',
  data: JSON.stringify({
    type: 'lobby.joined',
    lobbyId: uuid,
    lobbyCode: 'ABC123',
    payload: {
      lobby: { id: uuid, code: 'ABC123', name: 'Friday night', participants: [{}] },
      playerId: 'bob',
    },
  }),
};
const created: EntryFacts = {
  ...base,
  seq: 8,
  type: 'contract.created',
  room: '*',
  data: JSON.stringify({
    type: 'contract.created',
    lobbyId: 'ABC123',
    payload: {
      id: 'c',
      lobbyId: uuid,
      status: 'created',
      token: null,
      stakeAmount: '10',
      players: [{ playerId: 'eve' }],
    },
  }),
};

describe('an event as a line', () => {
  it.each([80, 100, 120])('fits a terminal of %i columns, and still says what it is about', (columns) => {
    const longest = { ...joined, seq: 12345, type: 'contract.payment_transferred' };
    for (const entry of [joined, created, longest, { ...base, type: 'realtime.quarantined' }]) {
      const line = eventLine(entry, false, columns);
      expect(line.length, line).toBeLessThanOrEqual(columns);

      expect(eventLine(entry, true, columns).replaceAll(/\u001b\[\d+m/g, '')).toBe(line);
    }
    expect(eventLine(joined, false, columns)).toMatch(
      /^#7 +12:00:00 lobby\.joined +ABC123 bob +name="Friday night"/,
    );
    expect(eventLine(joined, false, 200)).toBe(eventLine(joined, false));
  });

  it('has its place, time, type, lobby, player and what is in it', () => {
    expect(eventLine(joined, false)).toMatch(
      /^#7 +2026-01-15T12:00:00\.000Z +lobby\.joined +ABC123 +bob +name="Friday night" participants=\[1\]$/,
    );
    expect(eventLine(created, false)).toMatch(
      /contract\.created +ABC123 +– +status=created stakeAmount=10 players=\[1\]$/,
    );
  });

  it('is coloured only when it is asked to be', () => {
    expect(eventLine(joined, false)).not.toContain('\u001b');
    expect(eventLine(joined, true)).toContain('\u001b[35mlobby.joined');
  });

  it('lets nothing that others have chosen steer the terminal or look like another line', () => {
    const chosen = 'a\u001b]0;x\u0007\n#8 b\u009b31m\u202e\r';
    const steering = /[\u0000-\u001f\u007f-\u009f\u202e]/;
    for (const columns of [undefined, 100]) {
      const hostile = {
        ...base,
        type: 'lobby.joined',
        data: JSON.stringify({
          lobbyCode: chosen,
          payload: { lobby: { id: 'l', name: chosen }, playerId: chosen },
        }),
      };
      const line = eventLine(hostile, false, columns);
      expect(line).not.toMatch(steering);
      expect(line).toContain('a\\u001b]0');
    }
  });

  it('stays one line, however much is in it, and says what cannot be shown', () => {
    const long = {
      ...created,
      data: JSON.stringify({ payload: { id: 'c', terms: { text: 'a\nb'.repeat(200) } } }),
    };
    expect(eventLine(long, false)).toMatch(/…$/);
    expect(eventLine(long, false)).not.toContain('\n');
    const quarantined = { ...base, type: 'realtime.quarantined', room: '*' };
    expect(eventLine(quarantined, false)).toMatch(/could not be built.*hashi-socket doctor/);
    expect(() => factsOf({ ...base, type: 'x', data: 'no JSON' })).not.toThrow();
  });
});

describe('the filter', () => {
  const admitted = (wanted: ConstructorParameters<typeof EventFilter>[0], ...entries: EntryFacts[]) => {
    const filter = new EventFilter(wanted);
    return entries.filter((entry) => filter.admits(entry)).map(({ type }) => type);
  };

  it('knows a lobby by its UUID and its code', () => {
    const other = { ...created, data: JSON.stringify({ lobbyId: 'XYZ', payload: { id: 'c' } }) };
    expect(admitted({ lobby: 'abc123' }, joined, created, other)).toEqual([
      'lobby.joined',
      'contract.created',
    ]);
    expect(admitted({ lobby: uuid }, created, joined, other)).toEqual(['contract.created', 'lobby.joined']);
  });

  it('takes types, families and several with commas', () => {
    expect(admitted({ type: list('contract.created,lobby.left') }, joined, created)).toEqual([
      'contract.created',
    ]);
    for (const word of ['lobby', 'lobby.', 'lobby.*', 'lobby:event']) {
      expect(admitted({ type: list(word) }, joined, created)).toEqual(['lobby.joined']);
    }
    expect(typesAre('lobby', ['lobby.joined'])).toBe(true);
    expect(typesAre('lob', ['lobby.joined'])).toBe(false);
  });

  it('takes players, of contracts too', () => {
    expect(admitted({ player: 'bob' }, joined, created)).toEqual(['lobby.joined']);
    expect(admitted({ player: 'eve' }, joined, created)).toEqual(['contract.created']);
  });

  it("leaves out the server's notes to itself unless they are asked for", () => {
    const note = { ...base, type: 'realtime.rights', room: `lobby:${uuid}`, effect: 'rights' as const };
    expect(admitted({}, note, joined)).toEqual(['lobby.joined']);
    expect(admitted({ type: ['realtime'] }, note, joined)).toEqual(['realtime.rights']);
  });
});
