/** Development mode: take a player's part, make sample changes, run the demo. In production none of it is there. */
import { byId, copyButton, element, shortId } from './dom.js';

/** The header is what no page of another origin may send. */
async function ask(name, value) {
  const response = await fetch(`/development/${name}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Hashi-Console': '1' },
    body: JSON.stringify(value),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** The statements with their values in, as they could be pasted into psql. `::text` is a cast, not a value. */
export function filledIn(sql, values) {
  const fill = (_, name) => (values[name] ? quoted(values[name]) : `:${name}`);
  return sql.map((text) => `${text.replaceAll(/(?<!:):(player|lobby|contract)\b/g, fill)};`).join('\n\n');
}

export class Development {
  #samples = [];
  #demo = { running: false, elsewhere: false };

  /** @param {(token: string, player: string) => void} onToken takes the part of a player */
  constructor(onToken) {
    this.onToken = onToken;
  }

  start() {
    byId('development').hidden = false;
    byId('token-details').open = false;
    byId('play').addEventListener('submit', (event) => {
      event.preventDefault();
      const player = byId('play-as').value.trim();
      this.#try(async () => {
        const { token } = await ask('token', { player });
        this.player = player;
        this.onToken(token, player);
      });
    });
    byId('sample-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#try(() => this.#run());
    });
    byId('sample-form').addEventListener('input', () => this.#preview());
    byId('demo').addEventListener('click', () => this.#try(() => this.#toggleDemo()));
    byId('sample-event').after(copyButton(() => byId('sample-sql').textContent));
    this.#try(() => this.#refresh());
  }

  /** Whose part is taken: the samples are about this player unless another one is typed. @param {string} playerId */
  set player(playerId) {
    byId('play-as').value = playerId;
    byId('sample-player').value = playerId;
    this.#preview();
  }

  #say(text, kind = '') {
    byId('development-result').textContent = text;
    byId('development-result').dataset.kind = kind;
  }

  #try(work) {
    work().catch((error) => this.#say(error.message, 'bad'));
  }

  async #refresh(chosen = {}) {
    const { players, samples, lobbies, contracts, demo } = await ask('state', {});
    byId('sample-form').hidden = samples.length === 0;
    byId('players').replaceChildren(...players.map((value) => Object.assign(element('option'), { value })));
    if (this.#samples.length === 0) {
      byId('sample').append(
        ...samples.map(({ name, title }) => Object.assign(element('option', '', title), { value: name })),
      );
      this.#samples = samples;
    }
    const codes = new Map(lobbies.map(({ id, code }) => [id, code]));
    options(byId('sample-lobby'), lobbies, chosen.lobby, ({ code }) => code);
    options(byId('sample-contract'), contracts, chosen.contract, ({ id, lobbyId, status }) =>
      [shortId(id), codes.get(lobbyId), status].filter(Boolean).join(' · '),
    );
    if (demo !== null) this.#showDemo(demo);
    this.#preview();
  }

  get #sample() {
    return this.#samples.find(({ name }) => name === byId('sample').value);
  }

  get #values() {
    const values = {};
    for (const name of this.#sample?.needs ?? []) {
      const value = byId(`sample-${name}`).value.trim();
      if (value !== '') values[name] = value;
    }
    return values;
  }

  #preview() {
    const sample = this.#sample;
    if (sample === undefined) return;
    for (const name of ['player', 'lobby', 'contract']) {
      byId(`sample-${name}`).closest('.field').hidden = !sample.needs.includes(name);
    }
    byId('sample-sql').textContent = filledIn(sample.sql, this.#values);
    // Room for a line break where it reads best.
    byId('sample-event').replaceChildren(
      ...sample.event.split(/(?<=\.)/).flatMap((part) => [part, element('wbr')]),
    );
  }

  async #run() {
    const sample = this.#sample;
    const { rows, made } = await ask('sample', { name: sample.name, ...this.#values });
    await this.#refresh(made);
    // The samples are in the order of a lobby's life: the next one is at hand, unless another was chosen meanwhile.
    const list = byId('sample');
    if (list.value === sample.name && list.selectedIndex < list.options.length - 1) list.selectedIndex += 1;
    this.#preview();
    const changed = rows.reduce((sum, count) => sum + count, 0);
    const told = changed === 0 ? 'it was so already, so nothing is sent' : `${sample.event} is on its way`;
    this.#say(`${sample.title}: ${changed} ${changed === 1 ? 'row' : 'rows'}, ${told}.`);
  }

  async #toggleDemo() {
    const { demo } = await ask('demo', { run: !this.#demo.running });
    this.#showDemo(demo);
    this.#say(
      demo.running ? 'The demo runs: four changes a second.' : 'The demo has stopped, its rows are gone.',
    );
  }

  #showDemo(demo) {
    this.#demo = demo;
    const button = byId('demo');
    button.textContent = demo.running ? 'Stop the demo' : 'Run the demo';
    button.setAttribute('aria-pressed', String(demo.running));
    button.disabled = demo.elsewhere;
    if (demo.elsewhere) button.textContent = 'The demo runs in another process';
  }
}

/** Keeps what was chosen, unless another one is to be. */
function options(select, rows, chosen, textOf) {
  const before = chosen ?? select.value;
  const made = rows.map((row) => Object.assign(element('option', '', textOf(row)), { value: row.id }));
  const none = Object.assign(element('option', '', '– none yet –'), { value: '' });
  select.replaceChildren(...(made.length === 0 ? [none] : made));
  if (rows.some(({ id }) => id === before)) select.value = before;
}
