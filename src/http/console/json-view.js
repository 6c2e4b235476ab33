/** JSON for reading: indented, and each kind of value in its colour. */
import { element } from './dom.js';

const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @param {unknown} value @returns {HTMLElement} a `pre` that can be scrolled by keyboard */
export function jsonView(value) {
  const text = JSON.stringify(value, undefined, 2);
  const view = element('pre', 'json');
  view.tabIndex = 0;
  let at = 0;
  for (const match of text.matchAll(token)) {
    const [whole, string, colon] = match;
    view.append(text.slice(at, match.index));
    const kind = colon !== undefined ? 'key' : string !== undefined ? 'string' : 'word';
    view.append(element('span', kind, colon === undefined ? whole : string), colon ?? '');
    at = match.index + whole.length;
  }
  view.append(text.slice(at));
  return view;
}
