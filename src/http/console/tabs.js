/** The views of a narrow screen, one at a time; a wide one shows them side by side and hides the tabs. */
import { byId } from './dom.js';

const views = ['messages', 'state', 'tools'];

/** @param {string} view one of `views` */
export function show(view) {
  document.body.dataset.view = view;
  for (const name of views) {
    const chosen = name === view;
    const tab = byId(`tab-${name}`);
    tab.setAttribute('aria-selected', String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
}

/** Arrow keys move between tabs, as everywhere. */
export function startTabs() {
  for (const [at, name] of views.entries()) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener('click', () => show(name));
    tab.addEventListener('keydown', ({ key }) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (by === undefined) return;
      const next = views[(at + by + views.length) % views.length];
      show(next);
      byId(`tab-${next}`).focus();
    });
  }
  show('messages');
}
