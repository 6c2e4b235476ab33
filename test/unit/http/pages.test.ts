import { describe, expect, it } from 'vitest';
import { loadPages } from '../../../src/http/pages.js';

const pages = await loadPages();
const text = (path: string) => pages.get(path)?.body.toString() ?? '';

describe('the console', () => {
  it('has every file that its page and modules ask for', () => {
    const asked = [
      ...[...text('/').matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path]) => path),
      ...[...pages.keys()].flatMap((path) =>
        [...text(path).matchAll(/from '\.(\/[^']+)'/g)].map(([, file]) => file),
      ),
    ].filter((path) => path !== '/docs');
    expect(asked).toContain('/console.js');
    expect(asked).toContain('/console-connection.js');
    for (const path of asked) expect([...pages.keys()]).toContain(path);
  });

  it('runs under its policy: nothing inline, nothing from elsewhere', () => {
    expect(text('/')).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
    for (const path of pages.keys()) {
      expect(text(path), path).not.toMatch(/(?:src|href|url\(|import)\s*[=(]?\s*["'](?:https?:)?\/\//);
      expect(text(path), path).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|\beval\b/);
    }
  });

  it('finds every element that its script names', () => {
    const ids = new Set([...text('/').matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
    const named = [...text('/console.js').matchAll(/byId\('([^']+)'\)/g)].map(([, id]) => id);
    expect(named.length).toBeGreaterThan(10);
    for (const id of named) expect(ids).toContain(id);
  });
});
