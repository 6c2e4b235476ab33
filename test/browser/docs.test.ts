import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { pageNames } from '../../src/docs/pages.js';
import { loadPages } from '../../src/http/pages.js';
import { createHttpHandler } from '../../src/http/server.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { launchBrowser, picture, type TestBrowser } from './browser.js';
import { tooFaint } from './contrast.js';

let http: Server;
let url: string;
let browser: TestBrowser;

beforeAll(async () => {
  const metrics = createMetrics();
  const pages = await loadPages({ docs: { catalog, registry: metrics.registry } });
  http = createServer(createHttpHandler({ metrics, pages, readiness: () => ({ ready: true, checks: {} }) }));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

it.each([
  ['phone', 'dark', { width: 360, height: 740 }],
  ['desk', 'light', { width: 1500, height: 900 }],
] as const)(
  'shows every page on a %s in %s, by clicking from one to the next, and breaks no policy',
  async (name, colorScheme, viewport) => {
    const { page, complaints } = await browser.open({ colorScheme, viewport });
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) foreign.push(request.url());
    });
    await page.goto(`${url}/docs`);
    const links = page.getByRole('navigation', { name: 'Pages' }).getByRole('link');
    expect(await links.allTextContents()).toEqual(pageNames);
    for (const [index, title] of pageNames.entries()) {
      await links.nth(index).click();
      await page.waitForURL(index === 0 ? `${url}/docs` : `${url}/docs/${title}`);
      expect(await links.nth(index).getAttribute('aria-current')).toBe('page');
      // Tables and code scroll by themselves; the page does not have to be moved sideways to be read.
      expect(
        await page.evaluate('document.documentElement.scrollWidth - innerWidth'),
        title,
      ).toBeLessThanOrEqual(0);
      expect(await tooFaint(page), title).toEqual([]);
      if (name === 'phone') {
        // Nothing of a table is beyond the edge: its rows stand as cards.
        const cut = await page.evaluate(
          `[...document.querySelectorAll('.table')].filter((one) => one.scrollWidth > one.clientWidth).length`,
        );
        expect(cut, title).toBe(0);
      }
      if (title === 'guarantees') await picture(page, `docs-${name}`);
    }
    const channels = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const brightness = Math.max(...(channels.match(/\d+/g) ?? []).map(Number));
    if (colorScheme === 'dark') expect(brightness).toBeLessThan(64);
    else expect(brightness).toBeGreaterThan(192);
    expect({ complaints, foreign }).toEqual({ complaints: [], foreign: [] });
    await page.close();
  },
);
