/** The list of messages: newest first, filtered, bounded, drawn at most once a frame. */
import { copyButton, element, oncePerFrame, shortId } from './dom.js';
import { lobbiesOf, playersOf, typeOf } from './filters.js';
import { jsonView } from './json-view.js';

const keep = 500;

/** What a line tells besides the type. */
function briefOf(message) {
  const { type, data = {} } = message;
  if (type === 'error') return `${data.code}: ${data.message}`;
  if (type === 'connected') return `${data.playerId}, cursor ${data.cursor}`;
  const ids = [data.contractId, data.storageId, data.bountyId].filter(Boolean).map(shortId);
  // A lobby is known by its code where there is one.
  const lobbies = lobbiesOf(message);
  const code = lobbies.find((name) => !/^[0-9a-f]{8}-/.test(name)) ?? lobbies[0];
  const lobby = code === undefined ? [] : [`lobby ${shortId(code)}`];
  const players = type === 'lobby:event' || type === 'storage:event' ? playersOf(message) : [];
  return [...ids, ...lobby, ...players].join(' · ');
}

export class MessageList {
  #rows = [];
  #waiting = [];
  #fits = () => true;
  #paused = false;
  #away = false;
  /** Lines that came while the top was out of sight. */
  #unseen = 0;
  #total = 0;
  #types = new Set();
  #schedule = oncePerFrame(() => this.#draw());

  /**
   * @param {HTMLElement} list
   * @param {(change: {total: number, shown: number, waiting: number, fresh: number, newTypes: string[]}) => void} onChange
   */
  constructor(list, onChange) {
    this.list = list;
    this.onChange = onChange;
  }

  /** @param {object} message @param {{latencyMs?: number, replayed?: boolean}} about */
  add(message, about) {
    this.#total += 1;
    this.#waiting.push({ message, about, at: new Date() });
    // Held or in a hidden tab it must not grow without end.
    if (this.#waiting.length > keep) this.#waiting.shift();
    this.#schedule();
  }

  set paused(value) {
    this.#paused = value;
    this.#schedule();
  }

  /** Whether the top of the list is out of sight. */
  set away(value) {
    this.#away = value;
    if (!value) this.#unseen = 0;
    this.#schedule();
  }

  /** @param {(message: object) => boolean} fits */
  set filter(fits) {
    this.#fits = fits;
    for (const { element: row, message } of this.#rows) row.hidden = !fits(message);
    this.#report([]);
  }

  clear() {
    this.#rows = [];
    this.#waiting = [];
    this.#total = 0;
    this.#unseen = 0;
    this.list.replaceChildren();
    this.#report([]);
  }

  /** Moves the focus by so many lines that are shown. @param {1 | -1} by */
  step(by) {
    const lines = this.#rows.filter(({ element: row }) => !row.hidden).reverse();
    const now = lines.findIndex(({ element: row }) => row.contains(document.activeElement));
    const at = now < 0 ? 0 : Math.min(lines.length - 1, Math.max(0, now + by));
    lines[at]?.element.querySelector('summary').focus();
  }

  #draw() {
    const newTypes = [];
    if (!this.#paused) {
      const added = this.#waiting.splice(0).map((entry) => this.#row(entry));
      this.list.prepend(...added.map(({ element: row }) => row).reverse());
      this.#rows.push(...added);
      if (this.#away) this.#unseen += added.filter(({ element: row }) => !row.hidden).length;
      for (const { element: row } of this.#rows.splice(0, Math.max(0, this.#rows.length - keep)))
        row.remove();
      for (const { type } of added) {
        if (!this.#types.has(type)) newTypes.push(type);
        this.#types.add(type);
      }
    }
    this.#report(newTypes);
  }

  #report(newTypes) {
    const shown = this.#rows.filter(({ element: row }) => !row.hidden).length;
    const waiting = this.#waiting.length;
    const held = this.#paused ? this.#waiting.filter(({ message }) => this.#fits(message)).length : 0;
    this.onChange({ total: this.#total, shown, waiting, fresh: this.#unseen + held, newTypes });
  }

  /** `details` opens by click, Enter and Space on its own. */
  #row({ message, about: { latencyMs, replayed = false }, at }) {
    const type = typeOf(message);
    const summary = element(
      'summary',
      '',
      Object.assign(element('time', 'time', at.toISOString().slice(11, 23)), { title: 'UTC' }),
      element('span', `type ${type.split(/[.:]/)[0]}`, type),
      element('span', 'brief', briefOf(message)),
    );
    if (replayed) summary.append(element('span', 'tag', 'replayed'));
    else if (latencyMs !== undefined) summary.append(element('span', 'late', `${Math.round(latencyMs)} ms`));
    const details = element('details', '', summary);
    details.addEventListener('toggle', () => {
      if (!details.open || details.childElementCount > 1) return;
      details.append(
        element(
          'div',
          'inspected',
          jsonView(message),
          copyButton(() => JSON.stringify(message, undefined, 2)),
        ),
      );
    });
    const row = element('li', '', details);
    row.hidden = !this.#fits(message);
    return { type, message, element: row };
  }
}
