/** Makes an example of every event from the catalogue: the columns an event sets are set, later ones are null. */
import type { Field, Fields } from '../catalog/define.js';
import type { Family } from '../catalog/index.js';

const timestamp = '2026-01-15T12:00:00.000Z';
const lobbyId = '6f1c0b1e-3c53-4d4e-9a39-0c9f5c1f9a10';
const contractId = '2b7f6d0a-8d44-4a53-9f2c-5a1d8e3b7c42';

/** By SQL name. A name that is not here gets something of its type. */
const samples: Readonly<Record<string, unknown>> = {
  code: 'ABC123',
  lobby_id: lobbyId,
  contract_id: contractId,
  name: 'Friday night',
  host_id: 'did:privy:alice',
  player_id: 'did:privy:bob',
  mediator_id: 'did:privy:carol',
  created_by: 'did:privy:alice',
  claimed_by: 'did:privy:bob',
  contested_by: 'did:privy:bob',
  visibility: 'private',
  status: 'open',
  role: 'player',
  max_players: 4,
  chain_id: 8453,
  address: '0x5f3c0b1e3c534d4e9a390c9f5c1f9a102b7f6d0a',
  token: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
  stake_amount: '1000000000000000000',
  payout_amount: '2000000000000000000',
  reward_amount: '250000000000000000',
  terms: { game: 'chess', bestOf: 3 },
  tx_hash: `0x${'1a'.repeat(32)}`,
  funding_tx_hash: `0x${'2b'.repeat(32)}`,
  payout_tx_hash: `0x${'3c'.repeat(32)}`,
  mediation_decision: { winner: 'did:privy:alice' },
  admin_decision: { winner: 'did:privy:alice', upheld: true },
  outcome: 'won',
  outcome_proof: 'ipfs://bafy2bzaceexample',
  kind: 'external_url',
  url: 'https://videos.example.com/final',
  object_key: 'proofs/final.mp4',
  content_type: 'video/mp4',
  size_bytes: '73400320',
  title: 'First ten wins',
};

const idOf: Readonly<Record<string, string>> = {
  lobbies: lobbyId,
  contracts: contractId,
  storage: 'c0a4a7d2-51f4-4a34-8e5c-7d7d3b1f0e23',
  bounties: '9d3e2f4a-6b1c-4c8d-a7e5-1f2a3b4c5d6e',
};

/** What a contract's later events set, in the order of its life. */
const contractLife: readonly (readonly [type: string, columns: readonly string[], status: string])[] = [
  ['contract.created', [], 'created'],
  ['contract.initializing', ['tx_hash'], 'initializing'],
  ['contract.initialized', ['address', 'initialized_at'], 'initialized'],
  ['contract.payment_transferred', ['funded_at', 'funding_tx_hash'], 'initialized'],
  ['contract.outcome_attested', ['outcome', 'outcome_proof', 'attested_at'], 'initialized'],
  ['contract.decision_contested', ['contested_by', 'contested_at'], 'contested'],
  ['contract.mediation_submitted', ['mediation_decision', 'mediation_submitted_at'], 'contested'],
  ['contract.admin_decision', ['admin_decision', 'admin_decided_at'], 'contested'],
  ['contract.payout_finalized', ['payout_tx_hash', 'payout_finalized_at', 'payout_amount'], 'finalized'],
  ['contract.deleted', ['deleted_at'], 'finalized'],
];

interface Moment {
  /** Nullable columns that are null; all others are set. */
  readonly unset: ReadonlySet<string>;
  readonly values: Readonly<Record<string, unknown>>;
  /** How many rows lists have. */
  readonly listed: number;
  /** The event is one of another table's rows. */
  readonly ofRelation: boolean;
}

const unsetAt: Readonly<Record<string, readonly string[]>> = {
  'storage.external_url_created': ['object_key', 'presigned_expires_at', 'size_bytes'],
  'storage.presigned_url_created': ['url', 'size_bytes'],
  'storage.multipart_completed': ['url', 'presigned_expires_at'],
  'storage.multipart_aborted': ['url', 'presigned_expires_at', 'size_bytes'],
  'storage.deleted': ['object_key', 'presigned_expires_at', 'size_bytes'],
  'bounty.created': ['claimed_by', 'claimed_at', 'completed_at', 'cancelled_at'],
  'bounty.claimed': ['completed_at', 'cancelled_at'],
  'bounty.completed': ['cancelled_at'],
  'bounty.cancelled': ['claimed_by', 'claimed_at', 'completed_at'],
  'bounty.deleted': ['claimed_by', 'claimed_at', 'completed_at'],
};

function momentOf(family: Family, type: string): Moment {
  const event = family.events[type];
  const ofRelation = event?.relation !== undefined;
  const values: Record<string, unknown> = { ...samples, id: idOf[family.table.name] };
  const at = contractLife.findIndex(([name]) => name === type);
  if (at >= 0) {
    values['status'] = contractLife[at]?.[2];
    const later = contractLife.slice(at + 1).flatMap(([, columns]) => columns);
    // Who pays or attests is in the contract from then on.
    return { unset: new Set(later), values, listed: at < 3 ? 0 : 1, ofRelation };
  }
  if (type.startsWith('storage.')) {
    values['kind'] = /presigned/.test(type)
      ? 'presigned_url'
      : /multipart/.test(type)
        ? 'multipart'
        : 'external_url';
    values['status'] = /aborted/.test(type) ? 'aborted' : /presigned/.test(type) ? 'pending' : 'completed';
  }
  const word = /^bounty\.(claimed|completed|cancelled)$/.exec(type)?.[1];
  if (word !== undefined) values['status'] = word;
  if (type === 'bounty.deleted') values['status'] = 'cancelled';
  const isEmpty = ['inserted', 'deleted'].includes(event?.transition.kind ?? '') && !ofRelation;
  const left = event?.effect === 'leave';
  return { unset: new Set(unsetAt[type] ?? []), values, listed: isEmpty || left ? 0 : 1, ofRelation };
}

/** `data` of one event of a family. */
export function exampleOf(family: Family, type: string): Record<string, unknown> {
  const moment = momentOf(family, type);
  return {
    type,
    ...objectOf(family.keys, moment),
    timestamp,
    payload: valueOf(family.payload, moment),
  };
}

function objectOf(fields: Fields, moment: Moment): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, valueOf(field, moment)]));
}

function valueOf(field: Field, moment: Moment): unknown {
  const { source } = field;
  switch (source.kind) {
    case 'object':
      return objectOf(source.fields, moment);
    case 'list':
      return Array.from({ length: moment.listed }, () => objectOf(source.fields, moment));
    case 'count':
      return moment.listed;
    case 'changed':
      return moment.ofRelation ? (samples[source.column] ?? 'text') : null;
    case 'column':
    case 'lookup':
      return moment.unset.has(source.column) && field.schema.safeParse(null).success
        ? null
        : sampleOf(source.column, field, moment);
  }
}

const ofAnyType = [timestamp, 'text', 1, '1', true, {}, contractId, null];

/** Of a project's own columns nothing is known but the type. */
function sampleOf(column: string, { schema }: Field, { values }: Moment): unknown {
  const guess = /(^|_)id$/.test(column) ? contractId : 'text';
  const candidates = /_at$/.test(column) ? ofAnyType : [values[column], guess, ...ofAnyType];
  return candidates.find((value) => value !== undefined && schema.safeParse(value).success) ?? null;
}
