/** The changes that the console can make in development: plain SQL, by name, on rows that only they have made. */

export interface Sample {
  readonly name: string;
  /** What the button says. */
  readonly title: string;
  /** The event it makes, when it changes anything. */
  readonly event: string;
  /** Each with `:player`, `:lobby` and `:contract` where a value goes. */
  readonly sql: readonly string[];
  /** Counts what is there already: at `mostRows` no more is added. */
  readonly count?: string;
}

/** What a request may give; everything else of a statement is fixed. */
export interface SampleValues {
  readonly player?: string | undefined;
  readonly lobby?: string | undefined;
  readonly contract?: string | undefined;
}

export type SampleValue = keyof SampleValues;

/** How many lobbies, and how many of anything in one of them, samples may have made at a time. */
export const mostRows = 50;

/** The marks of what samples have made; the rows of others have none of them. */
const ownLobby = `code ~ '^TRY[0-9A-F]{5}$'`;
const ownContract = `terms @> '{"sample": true}'`;
const ownBounty = `token = 'SAMPLE'`;
const stake = '1000000000000000000';
const hash = `'0x' || md5(random()::text) || md5(random()::text)`;

const contract = (set: string) => `update contracts\nset ${set},\n  updated_at = now()\nwhere id = :contract`;

/** In the order of a lobby's life. */
export const samples: readonly Sample[] = [
  {
    name: 'lobby',
    title: 'Open a lobby',
    event: 'lobby.created',
    sql: [
      `insert into lobbies (code, name, host_id, visibility)\nvalues ('TRY' || upper(left(md5(random()::text), 5)), 'Sample', :player, 'public')\nreturning id as lobby`,
    ],
    count: `select count(*) from lobbies where ${ownLobby}`,
  },
  {
    name: 'join',
    title: 'Join it',
    event: 'lobby.joined',
    sql: [
      `insert into lobby_participants (lobby_id, player_id)\nvalues (:lobby, :player)\non conflict do nothing`,
    ],
    count: `select count(*) from lobby_participants where lobby_id = :lobby`,
  },
  {
    name: 'guest',
    title: 'A guest joins',
    event: 'lobby.joined',
    sql: [
      `insert into lobby_participants (lobby_id, player_id)\nvalues (:lobby, 'guest')\non conflict do nothing`,
    ],
  },
  {
    name: 'contract',
    title: 'Make a contract',
    event: 'contract.created',
    sql: [
      `insert into contracts (lobby_id, chain_id, stake_amount, terms, mediator_id)\nvalues (:lobby, 8453, ${stake}, '{"sample": true}', 'mediator')\nreturning id as contract`,
    ],
    count: `select count(*) from contracts where lobby_id = :lobby`,
  },
  {
    name: 'initializing',
    title: 'Send it to the chain',
    event: 'contract.initializing',
    sql: [contract(`status = 'initializing', tx_hash = ${hash}`)],
  },
  {
    name: 'initialized',
    title: 'It is on the chain',
    event: 'contract.initialized',
    sql: [
      contract(
        `status = 'initialized', initialized_at = now(),\n  address = '0x' || left(md5(random()::text) || md5(random()::text), 40)`,
      ),
    ],
  },
  {
    name: 'pay',
    title: 'Pay the stake',
    event: 'contract.payment_transferred',
    sql: [
      `insert into contract_players (contract_id, player_id, stake_amount, funded_at)\nvalues (:contract, :player, ${stake}, now())\non conflict (contract_id, player_id) do update\nset funded_at = excluded.funded_at, updated_at = now()`,
    ],
    count: `select count(*) from contract_players where contract_id = :contract and player_id <> :player`,
  },
  {
    name: 'attest',
    title: 'Attest an outcome',
    event: 'contract.outcome_attested',
    sql: [
      `insert into contract_players (contract_id, player_id, outcome, attested_at)\nvalues (:contract, :player, 'won', now())\non conflict (contract_id, player_id) do update\nset outcome = excluded.outcome, attested_at = excluded.attested_at,\n  updated_at = now()`,
    ],
    count: `select count(*) from contract_players where contract_id = :contract and player_id <> :player`,
  },
  {
    name: 'file',
    title: 'Add a file as proof',
    event: 'storage.external_url_created',
    sql: [
      `insert into storage (contract_id, player_id, kind, status, url)\nvalues (:contract, :player, 'external_url', 'completed',\n  'https://videos.example.com/' || gen_random_uuid())`,
    ],
    count: `select count(*) from storage where contract_id = :contract`,
  },
  {
    name: 'contest',
    title: 'Contest the outcome',
    event: 'contract.decision_contested',
    sql: [contract(`status = 'contested', contested_by = :player, contested_at = now()`)],
  },
  {
    name: 'mediate',
    title: 'Mediate',
    event: 'contract.mediation_submitted',
    sql: [
      contract(
        `mediation_submitted_at = now(),\n  mediation_decision = jsonb_build_object('winner', :player::text)`,
      ),
    ],
  },
  {
    name: 'decide',
    title: 'Decide as an admin',
    event: 'contract.admin_decision',
    sql: [
      contract(`admin_decided_at = now(),\n  admin_decision = jsonb_build_object('winner', :player::text)`),
    ],
  },
  {
    name: 'payout',
    title: 'Pay out',
    event: 'contract.payout_finalized',
    sql: [contract(`status = 'finalized', payout_finalized_at = now(),\n  payout_tx_hash = ${hash}`)],
  },
  {
    name: 'end',
    title: 'Delete the contract',
    event: 'contract.deleted',
    sql: [contract(`deleted_at = now()`)],
  },
  {
    name: 'leave',
    title: 'Leave the lobby',
    event: 'lobby.left',
    sql: [`delete from lobby_participants\nwhere lobby_id = :lobby and player_id = :player`],
  },
  {
    name: 'close',
    title: 'Delete the lobby',
    event: 'lobby.deleted',
    sql: [`delete from lobbies\nwhere id = :lobby`],
  },
  {
    name: 'bounty',
    title: 'Offer a bounty',
    event: 'bounty.created',
    sql: [
      `insert into bounties (title, reward_amount, token, created_by)\nvalues ('Sample', 250000000000000000, 'SAMPLE', :player)`,
    ],
    count: `select count(*) from bounties where ${ownBounty}`,
  },
  {
    name: 'clean',
    title: 'Remove all samples',
    event: 'storage.deleted, contract.deleted, lobby.deleted, bounty.deleted',
    sql: [
      `delete from storage\nwhere contract_id in (select id from contracts where ${ownContract})`,
      `delete from contracts\nwhere ${ownContract}`,
      `delete from lobbies\nwhere ${ownLobby}`,
      `delete from bounties\nwhere ${ownBounty}`,
    ],
  },
];

/** Finds the row a value names, if samples have made it. */
export const ownership = {
  lobby: `select from lobbies where id = :lobby and ${ownLobby}`,
  contract: `select from contracts where id = :contract and ${ownContract}`,
} as const;

/** What samples have made that is still there, newest first. */
export const made = {
  lobbies: `select id, code from lobbies where ${ownLobby} order by created_at desc limit ${mostRows}`,
  contracts: `select c.id, c.lobby_id as "lobbyId", c.status from contracts c where ${ownContract} and deleted_at is null order by created_at desc limit ${mostRows}`,
} as const;

/** `::text` is a cast, not a value. */
const placeholder = /(?<!:):(player|lobby|contract)\b/g;

/** The values that a sample's statements ask for. */
export function needs({ sql, count = '' }: Pick<Sample, 'sql' | 'count'>): readonly SampleValue[] {
  const named = [...sql, count].flatMap((text) => [...text.matchAll(placeholder)].map(([, name]) => name));
  return (['player', 'lobby', 'contract'] as const).filter((name) => named.includes(name));
}

/** As the driver takes it: values apart from the text, always. */
export function bind(sql: string, values: SampleValues): { text: string; values: unknown[] } {
  const bound: unknown[] = [];
  const text = sql.replaceAll(placeholder, (_, name: SampleValue) => `$${bound.push(values[name])}`);
  return { text, values: bound };
}
