/** The console's list of messages: newest first, filtered by words, bounded, drawn at most once a frame. */

const keep = 500;

/** The word to filter by: an event's own type, `contract.created`, else the envelope's. */
function typeOf({ type, data }) {
  return type.endsWith(':event') && typeof data.type === 'string' ? data.type : type;
}

function summaryOf({ type, data }) {
  if (type === 'error') return `${data.code}: ${data.message}`;
  const keys = ['contractId', 'storageId', 'bountyId', 'lobbyCode', 'lobbyId', 'playerId', 'id'];
  // Lobby events name the player who came or went in their payload.
  const named = { playerId: data.payload?.playerId, ...data };
  return keys
    .filter((key) => named[key] !== undefined && named[key] !== null)
    .map((key) => `${key} ${named[key]}`)
    .join(' · ');
}

function copyButton(text) {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Copy' });
  button.addEventListener('click', () => {
    // There is no clipboard on a page that is neither local nor served by HTTPS.
    const copied = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
    copied.then(
      () => (button.textContent = 'Copied'),
      () => (button.textContent = 'Not allowed here'),
    );
  });
  return button;
}

export class MessageList {
  #rows = [];
  #waiting = [];
  #filter = [];
  #paused = false;
  #scheduled = false;
  #total = 0;
  #types = new Set();

  /**
   * @param {HTMLElement} list
   * @param {(change: {total: number, shown: number, waiting: number, newTypes: string[]}) => void} onChange
   */
  constructor(list, onChange) {
    this.list = list;
    this.onChange = onChange;
  }

  add(message, bytes) {
    this.#total += 1;
    this.#waiting.push({ message, bytes, at: new Date() });
    // Held or in a hidden tab it must not grow without end.
    if (this.#waiting.length > keep) this.#waiting.shift();
    this.#schedule();
  }

  set paused(value) {
    this.#paused = value;
    this.#schedule();
  }

  /** Words that a message's line must hold, all of them: of its type, its lobby, its player, its ids. */
  set filter(value) {
    this.#filter = value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of this.#rows) row.element.hidden = !this.#matches(row.line);
    this.#report([]);
  }

  clear() {
    this.#rows = [];
    this.#waiting = [];
    this.#total = 0;
    this.list.replaceChildren();
    this.#report([]);
  }

  #matches(line) {
    return this.#filter.every((word) => line.includes(word));
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const newTypes = [];
    if (!this.#paused) {
      const added = this.#waiting.splice(0).map((entry) => this.#row(entry));
      this.list.prepend(...added.map(({ element }) => element).reverse());
      this.#rows.push(...added);
      for (const { element } of this.#rows.splice(0, Math.max(0, this.#rows.length - keep))) element.remove();
      for (const { type } of added) {
        if (!this.#types.has(type)) newTypes.push(type);
        this.#types.add(type);
      }
    }
    this.#report(newTypes);
  }

  #report(newTypes) {
    const shown = this.#rows.filter(({ element }) => !element.hidden).length;
    this.onChange({ total: this.#total, shown, waiting: this.#waiting.length, newTypes });
  }

  /** `details` opens by click, Enter and Space on its own. Everything from the wire goes in as text, never as HTML. */
  #row({ message, bytes, at }) {
    const type = typeOf(message);
    const brief = summaryOf(message);
    const part = (tag, className, text) =>
      Object.assign(document.createElement(tag), { className, textContent: text });
    const summary = document.createElement('summary');
    summary.append(
      part('time', 'time', at.toISOString().slice(11, 23)),
      part('span', `type ${type.split(/[.:]/)[0]}`, type),
      part('span', 'brief', brief),
      part('span', 'bytes', `${bytes.toLocaleString('en')} B`),
    );
    const details = document.createElement('details');
    details.append(summary);
    details.addEventListener('toggle', () => {
      if (details.open && details.childElementCount === 1) {
        const json = JSON.stringify(message, undefined, 2);
        details.append(part('pre', 'json', json), copyButton(json));
      }
    });
    const element = document.createElement('li');
    element.append(details);
    const line = `${type} ${brief}`.toLowerCase();
    element.hidden = !this.#matches(line);
    return { type, line, element };
  }
}
