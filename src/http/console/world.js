/** Lobbies, contracts and bounties as the events tell them, and what the newest event has changed in each. */

/** Kept at most of each kind; the ones that are gone, then the oldest, make room. */
const most = 100;

/**
 * @typedef {object} Thing
 * @property {'lobby' | 'contract' | 'bounty'} kind
 * @property {string} id
 * @property {object} state the newest payload's object; of a lobby that no event has told of, its id and code alone
 * @property {Set<string>} changed which of its keys the newest event changed; `participants.bob`, `players.bob` too
 * @property {string} [event] the newest one's type
 * @property {boolean} gone deleted, or left by this player
 * @property {number} files of a contract
 */

/** @param {object[]} [list] @returns {Map<string, object>} */
const byPlayer = (list = []) => new Map(list.map((one) => [one.playerId, one]));

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function differences(before, after) {
  const changed = new Set();
  for (const key of Object.keys(after)) {
    if (key === 'updatedAt' || same(before[key], after[key])) continue;
    if (key !== 'players' && key !== 'participants') {
      changed.add(key);
      continue;
    }
    const earlier = byPlayer(before[key]);
    for (const [playerId, row] of byPlayer(after[key])) {
      const known = earlier.get(playerId);
      for (const column of known ? Object.keys(row) : ['playerId']) {
        if (!known || !same(known[column], row[column])) changed.add(`${key}.${playerId}.${column}`);
      }
    }
  }
  return changed;
}

export class World {
  /** @type {Map<string, Thing>} by id, oldest first */
  things = new Map();
  /** The codes of the lobbies this player is in, by id. @type {Map<string, string>} */
  memberships = new Map();
  /** The player whose events these are. */
  playerId = '';
  /** Whether events may have been missed that nobody can tell any more. */
  stale = false;

  /** @param {{type: string, data: object}} message @returns {Thing[]} those it has changed, also when one has gone */
  apply({ type, data }) {
    switch (type) {
      case 'connected':
        return this.#connected(data);
      case 'error':
        if (data.code === 'RESUME_FAILED' || data.code === 'RESYNC_REQUIRED') this.stale = true;
        return [];
      case 'lobby:event':
        return this.#lobby(data);
      case 'contract:event':
        return [
          this.#put('contract', data.contractId, data.payload, data.type, data.type === 'contract.deleted'),
        ];
      case 'bounty:event':
        return [this.#put('bounty', data.bountyId, data.payload, data.type, data.type === 'bounty.deleted')];
      case 'storage:event':
        return this.#file(data);
      default:
        return [];
    }
  }

  clear() {
    this.things.clear();
    this.stale = false;
  }

  #connected({ playerId, lobbies }) {
    if (playerId !== this.playerId) this.clear();
    this.playerId = playerId;
    this.memberships = new Map(lobbies.map(({ lobbyId, lobbyCode }) => [lobbyId, lobbyCode]));
    return lobbies
      .filter(({ lobbyId }) => !this.things.has(lobbyId))
      .map(({ lobbyId, lobbyCode }) => this.#put('lobby', lobbyId, { id: lobbyId, code: lobbyCode }));
  }

  #lobby({ type, lobbyId, payload }) {
    const left = type === 'lobby.left' && payload.playerId === this.playerId;
    if (left || type === 'lobby.deleted') this.memberships.delete(lobbyId);
    if (type === 'lobby.joined' && payload.playerId === this.playerId) {
      this.memberships.set(lobbyId, payload.lobby.code);
    }
    return [this.#put('lobby', lobbyId, payload.lobby, type, left || type === 'lobby.deleted')];
  }

  #file({ type, contractId }) {
    const contract = this.things.get(contractId);
    // The contract itself is told by its own events.
    if (contract === undefined) return [];
    contract.files = Math.max(0, contract.files + (type === 'storage.deleted' ? -1 : 1));
    return [Object.assign(contract, { event: type, changed: new Set(['files']) })];
  }

  #put(kind, id, state, event, gone = false) {
    const known = this.things.get(id);
    // With a row that is deleted its players and participants go first: what was there last is more telling.
    const kept = gone && known !== undefined ? { ...state, ...listsOf(known.state) } : state;
    const thing = {
      kind,
      id,
      state: kept,
      event,
      gone,
      files: known?.files ?? 0,
      changed: known === undefined ? new Set() : differences(known.state, kept),
    };
    this.things.set(id, thing);
    if (known === undefined) this.#makeRoom(kind);
    return thing;
  }

  #makeRoom(kind) {
    const ours = [...this.things.values()].filter((thing) => thing.kind === kind);
    if (ours.length <= most) return;
    const first = ours.find(({ gone }) => gone) ?? ours[0];
    this.things.delete(first.id);
  }
}

function listsOf({ players, participants }) {
  return { ...(players && { players }), ...(participants && { participants }) };
}
