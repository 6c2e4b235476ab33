/** WCAG's contrast of what a page shows: 4.5 to 1 for text, 3 to 1 for the edges of fields. */
import type { Page } from 'playwright-core';

/** What is too faint, as `text or field: ratio`, each once. */
export function tooFaint(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const channels = (color) => {
      const [red, green, blue, alpha = 1] = (color.match(/[\\d.]+/g) ?? []).map(Number);
      return { red, green, blue, alpha };
    };
    const luminance = ({ red, green, blue }) => {
      const [r, g, b] = [red, green, blue].map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const color = channels(getComputedStyle(one).backgroundColor);
        if (color.alpha === 1) return color;
      }
      return channels('rgb(255, 255, 255)');
    };
    const ratio = (one, other) => {
      const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
      return (light + 0.05) / (dark + 0.05);
    };
    const found = new Set();
    const check = (what, color, on, least) => {
      const value = ratio(channels(color), on);
      if (value < least) found.add(what + ': ' + value.toFixed(2));
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const { parentElement: element, data } = texts.currentNode;
      // What cannot be used is exempt, and what is not shown is not read.
      if (data.trim() === '' || element.closest(':disabled') || !element.checkVisibility()) continue;
      check(element.tagName + '.' + element.className + ' ' + data.trim().slice(0, 20), getComputedStyle(element).color, ground(element), 4.5);
    }
    for (const field of document.querySelectorAll('input:not([type=radio], [type=checkbox]), select')) {
      if (field.checkVisibility()) check('#' + field.id, getComputedStyle(field).borderTopColor, ground(field.parentElement), 3);
    }
    return [...found];
  })()`);
}
