import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import {
  bounty,
  catalog,
  contract,
  familiesByEvent,
  lobby,
  membershipTables,
  storage,
  type HashiEvent,
  type HashiMessage,
} from '../../../src/catalog/index.js';
import { eventSchema, messageSchema } from '../../../src/catalog/schemas.js';

const bountyEvent = {
  type: 'bounty.claimed',
  bountyId: 'b1',
  lobbyId: null,
  timestamp: '2026-01-01T00:00:00.000Z',
  payload: {
    id: 'b1',
    lobbyId: null,
    title: 't',
    rewardAmount: '1000000000000000000',
    token: null,
    status: 'open',
    createdBy: 'p',
    claimedBy: null,
    claimedAt: null,
    completedAt: null,
    cancelledAt: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    lobbyCode: null,
  },
} as const;

describe('eventSchema()', () => {
  const schema = eventSchema(bounty);
  const refused = (value: unknown) => !schema.safeParse(value).success;

  it('takes an event as it is', () => {
    expect(schema.parse(bountyEvent)).toEqual(bountyEvent);
  });

  it('refuses another type, a missing key, a key too many', () => {
    expect(refused({ ...bountyEvent, type: 'bounty.eaten' })).toBe(true);
    expect(refused({ ...bountyEvent, bountyId: undefined })).toBe(true);
    expect(refused({ ...bountyEvent, extra: 1 })).toBe(true);
    expect(refused({ ...bountyEvent, payload: { ...bountyEvent.payload, extra: 1 } })).toBe(true);
  });

  it('refuses numbers where digits are due, and other forms of a time', () => {
    expect(refused({ ...bountyEvent, payload: { ...bountyEvent.payload, rewardAmount: 1e18 } })).toBe(true);
    expect(refused({ ...bountyEvent, timestamp: '2026-01-01T00:00:00Z' })).toBe(true);
    expect(refused({ ...bountyEvent, timestamp: '2026-01-01T00:00:00.000+00:00' })).toBe(true);
  });
});

describe('messageSchema()', () => {
  it('takes exactly type and data', () => {
    const schema = messageSchema(bounty);
    expect(schema.safeParse({ type: 'bounty:event', data: bountyEvent }).success).toBe(true);
    expect(schema.safeParse({ type: 'bounty:event', data: bountyEvent, id: 'x' }).success).toBe(false);
    expect(schema.safeParse({ type: 'lobby:event', data: bountyEvent }).success).toBe(false);
  });
});

describe('HashiEvent', () => {
  it('narrows on its type', () => {
    const check = (event: HashiEvent) => {
      if (event.type === 'contract.created') {
        expectTypeOf(event.contractId).toEqualTypeOf<string>();
        expectTypeOf(event.lobbyId).toEqualTypeOf<string | null>();
        expectTypeOf(event.payload.stakeAmount).toEqualTypeOf<string | null>();
        expectTypeOf(event.payload.players[0]?.playerId).toEqualTypeOf<string | undefined>();
      }
      if (event.type === 'lobby.left') {
        expectTypeOf(event.lobbyCode).toEqualTypeOf<string>();
        expectTypeOf(event.payload.playerId).toEqualTypeOf<string | null>();
        expectTypeOf(event.payload.participantCount).toEqualTypeOf<number>();
      }
      if (event.type === 'storage.deleted') {
        expectTypeOf(event.payload.storage.sizeBytes).toEqualTypeOf<string | null>();
        expectTypeOf(event.payload.storage).not.toHaveProperty('presignedUrl');
        expectTypeOf(event.payload.storage).not.toHaveProperty('uploadId');
      }
      if (event.type === 'bounty.claimed') expectTypeOf(event.payload.title).toEqualTypeOf<string>();
    };
    check(bountyEvent);
    expectTypeOf<Extract<HashiMessage, { type: 'lobby:event' }>['data']['type']>().toEqualTypeOf<
      'lobby.created' | 'lobby.joined' | 'lobby.left' | 'lobby.deleted'
    >();
    expectTypeOf<z.output<ReturnType<typeof eventSchema<typeof lobby>>>>().toEqualTypeOf<
      Extract<HashiEvent, { type: `lobby.${string}` }>
    >();
  });
});

describe('the catalogue', () => {
  it('has the events of the protocol, each in one family', () => {
    const types = [...familiesByEvent(catalog)].map(([type, { name }]) => `${name} ${type}`);
    expect(types).toHaveLength(24);
    for (const line of types) {
      const [name, type] = line.split(' ');
      expect(type?.split('.')[0]).toBe(name?.split(':')[0]);
    }
    expect(catalog.families).toEqual([contract, lobby, storage, bounty]);
  });

  it('takes memberships from lobby_participants alone', () => {
    expect(membershipTables(catalog)).toEqual([
      {
        prefix: 'lobby',
        table: { schema: 'public', name: 'lobby_participants' },
        room: 'lobby_id',
        player: 'player_id',
      },
    ]);
  });
});
