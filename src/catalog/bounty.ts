/** Bounty events: every connected client sees them. */
import { bounties, lobbies } from '../database/schema.js';
import { column, columns, deleted, everyone, inserted, lookup, object, set } from './define.js';
import { family } from './family.js';

const lobbyCode = lookup({ from: bounties, by: 'lobbyId', table: lobbies, key: 'id', column: 'code' });

/** `bounty:event`: created, claimed, completed, cancelled, deleted; the payload is the bounty with its `lobbyCode`. */
export const bounty = family('bounty:event', {
  table: bounties,
  keys: { bountyId: column(bounties, 'id'), lobbyId: lobbyCode },
  audience: everyone,
  events: {
    'bounty.created': inserted(),
    'bounty.claimed': set(bounties, 'claimedAt'),
    'bounty.completed': set(bounties, 'completedAt'),
    'bounty.cancelled': set(bounties, 'cancelledAt'),
    'bounty.deleted': deleted(),
  },
  payload: object({
    ...columns(
      bounties,
      'id',
      'lobbyId',
      'title',
      'rewardAmount',
      'token',
      'status',
      'createdBy',
      'claimedBy',
      'claimedAt',
      'completedAt',
      'cancelledAt',
      'createdAt',
      'updatedAt',
    ),
    lobbyCode,
  }),
});
