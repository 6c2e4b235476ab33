/** Single keys, for whoever works without a mouse: off while somebody types, and off for good if so chosen. */
import { byId } from './dom.js';
import { shortcuts } from './settings.js';

/** @param {Record<string, () => void>} actions by key */
export function listenForKeys(actions) {
  const dialog = byId('help');
  const choice = byId('shortcuts');
  choice.checked = shortcuts.get();
  choice.addEventListener('change', () => shortcuts.set(choice.checked));
  byId('help-button').addEventListener('click', () => dialog.showModal());

  addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, textarea, select, dialog') !== null;
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !shortcuts.get()) return;
    const action = event.key === '?' ? () => dialog.showModal() : actions[event.key];
    if (action === undefined) return;
    // Firefox would search in the page for `/`.
    event.preventDefault();
    action();
  });
}
