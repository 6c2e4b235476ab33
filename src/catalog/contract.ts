/** Contract events: every connected client sees them. */
import { contractPlayers, contracts, lobbies } from '../database/schema.js';
import {
  becomes,
  column,
  columns,
  deletedOrSet,
  everyone,
  inserted,
  list,
  lookup,
  object,
  set,
} from './define.js';
import { family, related } from './family.js';

const lobbyCode = lookup({ from: contracts, by: 'lobbyId', table: lobbies, key: 'id', column: 'code' });

const players = { by: 'contractId' } as const;

/** `contract:event`: ten events from created to deleted; the payload is the contract with its `lobbyCode` and `players`. */
export const contract = family('contract:event', {
  table: contracts,
  keys: { contractId: column(contracts, 'id'), lobbyId: lobbyCode },
  audience: everyone,
  events: {
    'contract.created': inserted(),
    'contract.initializing': becomes(contracts, 'status', 'initializing'),
    'contract.initialized': becomes(contracts, 'status', 'initialized'),
    'contract.payment_transferred': related(
      contractPlayers,
      players,
      set(contractPlayers, 'fundedAt', { byInsert: true }),
    ),
    'contract.outcome_attested': related(
      contractPlayers,
      players,
      set(contractPlayers, 'attestedAt', { byInsert: true }),
    ),
    'contract.decision_contested': set(contracts, 'contestedAt'),
    'contract.mediation_submitted': set(contracts, 'mediationSubmittedAt'),
    'contract.admin_decision': set(contracts, 'adminDecidedAt'),
    'contract.payout_finalized': set(contracts, 'payoutFinalizedAt'),
    'contract.deleted': deletedOrSet(contracts, 'deletedAt'),
  },
  payload: object({
    ...columns(
      contracts,
      'id',
      'lobbyId',
      'status',
      'chainId',
      'address',
      'token',
      'stakeAmount',
      'terms',
      'mediatorId',
      'txHash',
      'initializedAt',
      'contestedBy',
      'contestedAt',
      'mediationDecision',
      'mediationSubmittedAt',
      'adminDecision',
      'adminDecidedAt',
      'payoutTxHash',
      'payoutFinalizedAt',
      'deletedAt',
      'createdAt',
      'updatedAt',
    ),
    lobbyCode,
    players: list({
      of: contracts,
      key: 'id',
      table: contractPlayers,
      by: 'contractId',
      orderBy: 'playerId',
      fields: columns(
        contractPlayers,
        'playerId',
        'stakeAmount',
        'fundedAt',
        'fundingTxHash',
        'outcome',
        'outcomeProof',
        'attestedAt',
        'payoutAmount',
        'createdAt',
        'updatedAt',
      ),
    }),
  }),
});
