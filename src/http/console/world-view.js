/** Draws the world: a card for each lobby with its contracts, and what the newest event changed marked in it. */
import { element, oncePerFrame, shortId } from './dom.js';

/** The life of a contract, each step with the key that tells it was taken. */
const steps = [
  ['created', 'createdAt'],
  ['ready', 'initializedAt'],
  ['contest', 'contestedAt'],
  ['mediate', 'mediationSubmittedAt'],
  ['decide', 'adminDecidedAt'],
  ['payout', 'payoutFinalizedAt'],
];

/** Amounts have up to 78 digits; grouped they can be read. */
const amount = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ' ');

export class WorldView {
  #cards = new Map();
  #dirty = new Set();
  #schedule = oncePerFrame(() => this.#draw());

  /** @param {HTMLElement} place @param {import('./world.js').World} world @param {() => void} onDrawn */
  constructor(place, world, onDrawn) {
    this.place = place;
    this.world = world;
    this.onDrawn = onDrawn;
  }

  /** @param {import('./world.js').Thing[]} things which have changed */
  changed(things) {
    for (const { id } of things) this.#dirty.add(id);
    if (things.length > 0) this.#schedule();
  }

  /** After the world was cleared. */
  clear() {
    this.#cards.clear();
    this.#dirty.clear();
    this.place.replaceChildren();
    this.onDrawn();
  }

  #draw() {
    for (const id of this.#cards.keys()) {
      if (!this.world.things.has(id)) this.#remove(id);
    }
    for (const id of this.#dirty) {
      const thing = this.world.things.get(id);
      if (thing !== undefined) this.#show(thing);
    }
    this.#dirty.clear();
    this.onDrawn();
  }

  #remove(id) {
    const card = this.#cards.get(id);
    this.#cards.delete(id);
    // Its contracts may live on.
    card.replaceWith(...card.querySelectorAll('.inside > .card'));
  }

  #show(thing) {
    const before = this.#cards.get(thing.id);
    const card = drawings[thing.kind](thing);
    card.classList.add('card', thing.kind);
    card.dataset.id = thing.id;
    if (thing.gone) card.classList.add('gone');
    this.#cards.set(thing.id, card);
    const inside = before?.querySelector('.inside');
    if (inside) card.querySelector('.inside').replaceWith(inside);
    const lobby = thing.kind === 'contract' ? this.#cards.get(thing.state.lobbyId) : undefined;
    const home = lobby?.querySelector('.inside') ?? this.place;
    if (before?.parentElement === home) before.replaceWith(card);
    else {
      before?.remove();
      home.prepend(card);
    }
    if (thing.kind === 'lobby' && !before) this.#gather(thing.id, card);
  }

  /** A contract may be known before its lobby is. */
  #gather(lobbyId, card) {
    for (const { kind, id, state } of this.world.things.values()) {
      if (kind === 'contract' && state.lobbyId === lobbyId && this.#cards.has(id)) {
        card.querySelector('.inside').append(this.#cards.get(id));
      }
    }
  }
}

const drawings = {
  lobby({ state, event, gone, changed }) {
    const { code, name, status, visibility, hostId, participants } = state;
    const mark = marker(changed);
    const card = element(
      'article',
      '',
      heading(`Lobby ${code}`, name, gone ? goneWord(event) : status, mark('status')),
    );
    const facts = [visibility, hostId && `host ${hostId}`].filter(Boolean).join(' · ');
    if (facts !== '') card.append(element('p', 'hint', facts));
    if (participants === undefined) card.append(element('p', 'hint', 'No event yet since you came.'));
    else card.append(people(participants, mark));
    card.append(newest(event), element('div', 'inside'));
    return card;
  },

  contract({ id, state, event, gone, files, changed }) {
    const { status, stakeAmount, lobbyCode, players = [] } = state;
    const mark = marker(changed);
    const card = element(
      'article',
      '',
      heading(`Contract ${shortId(id)}`, '', gone ? 'deleted' : status, mark('status')),
    );
    card.append(progress(state, mark));
    const facts = element('p', 'hint');
    facts.append(stakeAmount === null ? 'no stake' : `stake ${amount(stakeAmount)}`);
    if (lobbyCode !== null) facts.append(` · lobby ${lobbyCode}`);
    if (files > 0)
      facts.append(' · ', element('span', mark('files'), files === 1 ? '1 file' : `${files} files`));
    card.append(facts);
    if (players.length > 0) card.append(payments(players, mark));
    card.append(newest(event));
    return card;
  },

  bounty({ state, event, gone, changed }) {
    const { title, status, rewardAmount, createdBy, claimedBy } = state;
    const mark = marker(changed);
    const card = element(
      'article',
      '',
      heading(`Bounty ${title}`, '', gone ? 'deleted' : status, mark('status')),
    );
    const facts = [
      rewardAmount && `reward ${amount(rewardAmount)}`,
      `by ${createdBy}`,
      claimedBy && `claimed by ${claimedBy}`,
    ];
    card.append(element('p', 'hint', facts.filter(Boolean).join(' · ')), newest(event));
    return card;
  },
};

const goneWord = (event) => (event === 'lobby.left' ? 'left' : 'deleted');

/** @returns {(key: string) => string} the class of what shows this key */
const marker = (changed) => (key) => (changed.has(key) ? 'changed' : '');

function heading(title, name, status, statusMark) {
  const head = element('h3', '', element('span', 'title', title));
  if (name) head.append(' ', element('small', '', name));
  if (status) head.append(element('span', `status ${statusMark}`, status));
  return head;
}

const newest = (event) => element('p', 'newest', event ?? '');

function people(participants, mark) {
  const list = element('ul', 'people');
  for (const { playerId, role } of participants) {
    const suffix = role === 'player' ? '' : ` (${role})`;
    list.append(element('li', mark(`participants.${playerId}.playerId`), playerId + suffix));
  }
  if (participants.length === 0) list.append(element('li', 'hint', 'nobody is in it'));
  return list;
}

function progress(state, mark) {
  const list = element('ol', 'progress');
  for (const [word, key] of steps) {
    const taken = state[key] !== null && state[key] !== undefined;
    list.append(element('li', `${taken ? 'taken' : ''} ${mark(key)}`, word));
  }
  return list;
}

/** Who has paid, and what they say came out. */
function payments(players, mark) {
  const table = element('table', 'payments');
  const head = element('tr');
  for (const word of ['player', 'stake', 'outcome'])
    head.append(Object.assign(element('th', '', word), { scope: 'col' }));
  const body = element('tbody');
  for (const { playerId, fundedAt, outcome, attestedAt } of players) {
    const of = (column) => mark(`players.${playerId}.${column}`);
    body.append(
      element(
        'tr',
        of('playerId'),
        element('td', '', playerId),
        element('td', of('fundedAt'), fundedAt === null ? 'not paid' : '✓ paid'),
        element('td', of('attestedAt') || of('outcome'), attestedAt === null ? '–' : (outcome ?? 'attested')),
      ),
    );
  }
  table.append(element('thead', '', head), body);
  return table;
}
