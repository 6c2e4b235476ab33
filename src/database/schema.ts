/** The business tables, as drizzle tables: other services write them, this server only watches them. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';

/** Timestamps stay text here: a `Date` would cut microseconds off. */
const timestamptz = <const Name extends string>(name: Name) =>
  timestamp(name, { withTimezone: true, mode: 'string' });
/** `numeric(78,0)` holds any uint256; drizzle and the wire both keep it a string. */
const amount = <const Name extends string>(name: Name) => numeric(name, { precision: 78, scale: 0 });

const createdAt = () => timestamptz('created_at').notNull().defaultNow();
const updatedAt = () => timestamptz('updated_at').notNull().defaultNow();

export const lobbies = pgTable(
  'lobbies',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    code: text('code').notNull().unique(),
    name: text('name'),
    hostId: text('host_id'),
    visibility: text('visibility').notNull().default('private'),
    status: text('status').notNull().default('open'),
    maxPlayers: integer('max_players'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [check('lobbies_visibility_check', sql`${table.visibility} in ('private', 'public')`)],
);

export const lobbyParticipants = pgTable(
  'lobby_participants',
  {
    lobbyId: uuid('lobby_id')
      .notNull()
      .references(() => lobbies.id, { onDelete: 'cascade' }),
    playerId: text('player_id').notNull(),
    role: text('role').notNull().default('player'),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.lobbyId, table.playerId] }), index().on(table.playerId)],
);

export const contracts = pgTable(
  'contracts',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    lobbyId: uuid('lobby_id').references(() => lobbies.id, { onDelete: 'set null' }),
    status: text('status').notNull().default('created'),
    chainId: integer('chain_id'),
    address: text('address'),
    token: text('token'),
    stakeAmount: amount('stake_amount'),
    terms: jsonb('terms').notNull().default({}),
    mediatorId: text('mediator_id'),
    txHash: text('tx_hash'),
    initializedAt: timestamptz('initialized_at'),
    contestedBy: text('contested_by'),
    contestedAt: timestamptz('contested_at'),
    mediationDecision: jsonb('mediation_decision'),
    mediationSubmittedAt: timestamptz('mediation_submitted_at'),
    adminDecision: jsonb('admin_decision'),
    adminDecidedAt: timestamptz('admin_decided_at'),
    payoutTxHash: text('payout_tx_hash'),
    payoutFinalizedAt: timestamptz('payout_finalized_at'),
    deletedAt: timestamptz('deleted_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index().on(table.lobbyId), index().on(table.mediatorId)],
);

export const contractPlayers = pgTable(
  'contract_players',
  {
    contractId: uuid('contract_id')
      .notNull()
      .references(() => contracts.id, { onDelete: 'cascade' }),
    playerId: text('player_id').notNull(),
    stakeAmount: amount('stake_amount'),
    fundedAt: timestamptz('funded_at'),
    fundingTxHash: text('funding_tx_hash'),
    outcome: text('outcome'),
    outcomeProof: text('outcome_proof'),
    attestedAt: timestamptz('attested_at'),
    payoutAmount: amount('payout_amount'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [primaryKey({ columns: [table.contractId, table.playerId] })],
);

export const storage = pgTable(
  'storage',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    contractId: uuid('contract_id')
      .notNull()
      .references(() => contracts.id, { onDelete: 'restrict' }),
    playerId: text('player_id').notNull(),
    kind: text('kind').notNull(),
    status: text('status').notNull().default('pending'),
    url: text('url'),
    objectKey: text('object_key'),
    presignedUrl: text('presigned_url'),
    presignedExpiresAt: timestamptz('presigned_expires_at'),
    uploadId: text('upload_id'),
    contentType: text('content_type'),
    sizeBytes: bigint('size_bytes', { mode: 'bigint' }),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    check('storage_kind_check', sql`${table.kind} in ('external_url', 'presigned_url', 'multipart')`),
    index().on(table.contractId),
  ],
);

export const bounties = pgTable('bounties', {
  id: uuid('id').primaryKey().defaultRandom(),
  lobbyId: uuid('lobby_id').references(() => lobbies.id, { onDelete: 'set null' }),
  title: text('title').notNull(),
  rewardAmount: amount('reward_amount'),
  token: text('token'),
  status: text('status').notNull().default('open'),
  createdBy: text('created_by').notNull(),
  claimedBy: text('claimed_by'),
  claimedAt: timestamptz('claimed_at'),
  completedAt: timestamptz('completed_at'),
  cancelledAt: timestamptz('cancelled_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});
