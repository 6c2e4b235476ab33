/** Small live charts in SVG: a minute wide, the newest second on the right. */
import { element } from './dom.js';
import { seconds } from './rates.js';

const height = 32;
const svgNamespace = 'http://www.w3.org/2000/svg';

function shape(tag, attributes) {
  const made = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

const known = (values) => values.filter((value) => value !== undefined);

/** Numbers as short as they are exact enough. @param {number} value */
export const brief = (value) =>
  value < 10 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));

export class Chart {
  #svg = shape('svg', { viewBox: `0 0 ${seconds} ${height}`, preserveAspectRatio: 'none', role: 'img' });
  #value = element('output', 'value', '–');
  #note = element('span', 'note');

  /** @param {HTMLElement} place @param {{title: string, unit: string, kind: 'bars' | 'line'}} options */
  constructor(place, options) {
    this.options = options;
    this.#value.setAttribute('aria-live', 'off');
    place.append(element('h2', '', options.title, ' ', this.#note), this.#value, this.#svg);
  }

  /**
   * @param {(number | undefined)[]} values one for each second, oldest first
   * @param {string} note
   */
  draw(values, note) {
    const { title, unit, kind } = this.options;
    const there = known(values);
    const newest = kind === 'bars' ? values.at(-1) : there.at(-1);
    const most = Math.max(0, ...there);
    const text = newest === undefined ? '–' : `${brief(newest)} ${unit}`;
    this.#value.textContent = text;
    this.#note.textContent = note;
    this.#svg.setAttribute(
      'aria-label',
      `${title}: now ${text}, at most ${brief(most)} ${unit} in the last minute`,
    );
    const y = (value) => height - 2 - (value / (most || 1)) * (height - 4);
    this.#svg.replaceChildren(...(kind === 'bars' ? bars(values, y) : line(values, y)));
  }
}

function bars(values, y) {
  return values.flatMap((value, at) =>
    value > 0 ? [shape('rect', { x: at + 0.15, y: y(value), width: 0.7, height: height - y(value) })] : [],
  );
}

/** From one known value to the next: what is measured now and then is a line all the same. */
function line(values, y) {
  const points = values.flatMap((value, at) => (value === undefined ? [] : [`${at + 0.5},${y(value)}`]));
  if (points.length === 0) return [];
  // A single value is a line that ends where it began, which round caps make a dot.
  const d = points.length === 1 ? `M${points[0]}h0.01` : `M${points.join('L')}`;
  return [shape('path', { d, 'vector-effect': 'non-scaling-stroke' })];
}
