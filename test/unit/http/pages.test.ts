import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadPages } from '../../../src/http/pages.js';

const pages = await loadPages();
const text = (path: string) => pages.get(path)?.body.toString() ?? '';
/** What is ours to write: Socket.IO's client is as it comes. */
const ours = [...pages.keys()].filter((path) => path !== '/console/socket.io.js');

describe('the console', () => {
  it('has every file that its page and modules ask for', () => {
    const asked = [
      ...[...text('/').matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path]) => path),
      ...ours.flatMap((path) =>
        [...text(path).matchAll(/(?:from |import\()'\.(\/[^']+)'/g)].map(([, file]) => `/console${file}`),
      ),
    ].filter((path) => path !== '/docs');
    expect(asked).toContain('/console/main.js');
    expect(asked).toContain('/console/socket.io.js');
    for (const path of asked) expect([...pages.keys()]).toContain(path);
    // And none that nobody asks for.
    for (const path of pages.keys()) expect(['/', ...asked]).toContain(path);
  });

  it('runs under its policy: nothing inline, nothing from elsewhere', () => {
    expect(text('/')).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
    for (const path of ours) {
      expect(text(path), path).not.toMatch(/(?:src|href|url\(|import)\s*[=(]?\s*["'](?:https?:)?\/\//);
      expect(text(path), path).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|\beval\b/);
    }
  });

  it('finds every element that its scripts name', () => {
    const ids = new Set([...text('/').matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
    const named = ours.flatMap((path) => [...text(path).matchAll(/byId\('([^']+)'\)/g)].map(([, id]) => id));
    expect(named.length).toBeGreaterThan(30);
    for (const id of named) expect(ids).toContain(id);
  });

  it("takes at most 60 KiB on the way to a browser, Socket.IO's client included", () => {
    const bytes = [...pages.values()].reduce((sum, { body }) => sum + gzipSync(body).length, 0);
    expect(bytes).toBeGreaterThan(20 << 10);
    expect(bytes).toBeLessThanOrEqual(60 << 10);
  });

  it('is told to be in development mode only by a server that is', async () => {
    expect(text('/')).not.toContain('<html data-development');
    const development = await loadPages({ development: true });
    expect(development.get('/')?.body.toString()).toContain('<html data-development');
  });
});
