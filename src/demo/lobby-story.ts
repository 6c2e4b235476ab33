/** The life of a lobby in the demo: players come, a contract is made, paid, played and paid out, and all go. */
import { randomUUID } from 'node:crypto';
import { pickFrom, step, type Step, type Story } from './steps.js';

export const players = ['player-1', 'player-2', 'player-3', 'player-4', 'player-5', 'player-6'] as const;
const names = ['Friday night', 'Winner takes all', 'Best of three', 'Rematch', 'Newcomers', 'High table'];
const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const stake = '1000000000000000000';

const randomCode = () =>
  `DEMO${Array.from({ length: 4 }, () => pickFrom([...letters], Math.floor(Math.random() * letters.length))).join('')}`;
const randomHash = (digits: number) =>
  `0x${(randomUUID() + randomUUID()).replaceAll('-', '').slice(0, digits).padEnd(digits, '0')}`;

interface Lobby {
  readonly id: string;
  readonly contractId: string;
  /** The host first. player-1 is in three of four lobbies. */
  readonly members: readonly [string, string, ...string[]];
  readonly mediator: string;
  /** Which turns the story takes. */
  readonly number: number;
}

export function lobbyStory(number: number): Story {
  const others = players.slice(1);
  const [host, guest, third] = [0, 1, 2].map((offset) => pickFrom(others, number + offset)) as [
    string,
    string,
    string,
  ];
  const lobby: Lobby = {
    id: randomUUID(),
    contractId: randomUUID(),
    members:
      number % 4 === 3
        ? [host, guest, third]
        : number % 2 === 0
          ? ['player-1', host, guest]
          : [host, 'player-1', guest],
    mediator: pickFrom(others, number + 3),
    number,
  };
  return { steps: life(lobby), cleanup: [...removal(lobby.contractId), removeLobby(lobby.id)] };
}

const removeLobby = (id: string) => step('delete from lobbies where id = $1', id);

/** Files first: a contract that has some cannot be removed. */
const removal = (contractId: string) => [
  step('delete from storage where contract_id = $1', contractId),
  step('delete from contracts where id = $1', contractId),
];

const join = (lobbyId: string, player: string, role: string) =>
  step(
    'insert into lobby_participants (lobby_id, player_id, role) values ($1, $2, $3)',
    lobbyId,
    player,
    role,
  );
const leave = (lobbyId: string, player: string) =>
  step('delete from lobby_participants where lobby_id = $1 and player_id = $2', lobbyId, player);

function* life(lobby: Lobby): Generator<Step> {
  const { id, contractId, members, number } = lobby;
  const [host, ...guests] = members;
  yield step(
    'insert into lobbies (id, code, name, host_id, visibility, max_players) values ($1, $2, $3, $4, $5, $6)',
    id,
    randomCode(),
    pickFrom(names, number),
    host,
    number % 3 === 0 ? 'public' : 'private',
    members.length + 1,
  );
  yield join(id, host, 'host');
  for (const guest of guests) yield join(id, guest, 'player');
  if (number % 2 === 1) {
    yield join(id, 'player-late', 'player');
    yield leave(id, 'player-late');
  }
  yield step(`update lobbies set status = 'playing', updated_at = now() where id = $1`, id);

  yield* contractLife(lobby);

  yield step(`update lobbies set status = 'finished', updated_at = now() where id = $1`, id);
  // Some go by themselves, the others with the lobby.
  for (const guest of guests.slice(number % 2)) yield leave(id, guest);
  yield* removal(contractId);
  yield removeLobby(id);
}

function* contractLife({ id, contractId, members, mediator, number }: Lobby): Generator<Step> {
  const set = (columns: string, ...values: unknown[]) =>
    step(`update contracts set ${columns}, updated_at = now() where id = $1`, contractId, ...values);
  yield step(
    'insert into contracts (id, lobby_id, chain_id, stake_amount, terms, mediator_id) values ($1, $2, 8453, $3, $4, $5)',
    contractId,
    id,
    stake,
    { demo: true, game: pickFrom(['chess', 'darts', 'pool'], number), bestOf: 3 },
    mediator,
  );
  yield set(`status = 'initializing', tx_hash = $2`, randomHash(64));
  yield set(`status = 'initialized', address = $2, initialized_at = now()`, randomHash(40));
  const pair = members.slice(0, 2);
  for (const player of pair) {
    yield step(
      'insert into contract_players (contract_id, player_id, stake_amount, funded_at, funding_tx_hash) values ($1, $2, $3, now(), $4)',
      contractId,
      player,
      stake,
      randomHash(64),
    );
  }
  yield* files(contractId, pair[0] ?? '', number);
  for (const [index, player] of pair.entries()) {
    yield step(
      'update contract_players set outcome = $3, attested_at = now(), updated_at = now() where contract_id = $1 and player_id = $2',
      contractId,
      player,
      // Two winners are one too many.
      index === 0 || number % 2 === 0 ? 'won' : 'lost',
    );
  }
  if (number % 2 === 0) {
    yield set(`status = 'contested', contested_by = $2, contested_at = now()`, pair[1]);
    yield set('mediation_decision = $2, mediation_submitted_at = now()', { winner: pair[0], by: mediator });
    yield set('admin_decision = $2, admin_decided_at = now()', { winner: pair[0], upheld: true });
  }
  yield set(`status = 'finalized', payout_tx_hash = $2, payout_finalized_at = now()`, randomHash(64));
  yield set('deleted_at = now()');
}

function* files(contractId: string, playerId: string, number: number): Generator<Step> {
  const [link, upload, parts] = [randomUUID(), randomUUID(), randomUUID()];
  yield step(
    `insert into storage (id, contract_id, player_id, kind, status, url) values ($1, $2, $3, 'external_url', 'completed', $4)`,
    link,
    contractId,
    playerId,
    `https://videos.example.com/${link}`,
  );
  yield step(
    `insert into storage (id, contract_id, player_id, kind, object_key, content_type, presigned_expires_at)
     values ($1, $2, $3, 'presigned_url', $4, 'image/png', now() + interval '15 minutes')`,
    upload,
    contractId,
    playerId,
    `proofs/${upload}.png`,
  );
  yield step(
    `insert into storage (id, contract_id, player_id, kind, object_key, content_type) values ($1, $2, $3, 'multipart', $4, 'video/mp4')`,
    parts,
    contractId,
    playerId,
    `proofs/${parts}.mp4`,
  );
  yield step(
    'update storage set status = $2, size_bytes = $3, updated_at = now() where id = $1',
    parts,
    number % 2 === 0 ? 'completed' : 'aborted',
    number % 2 === 0 ? '73400320' : null,
  );
  yield step('delete from storage where id = $1', link);
}
