import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Whether there is a Chromium to test in; the tests look in the same places. */
function hasChromium(): boolean {
  if (process.env['CHROMIUM_PATH'] !== undefined) return true;
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'chromium'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

// Node is all that the other tests need; in CI a missing browser is a failure.
const withBrowser = process.env['CI'] !== undefined || hasChromium();
if (!withBrowser) {
  console.warn('The browser tests are left out: there is no Chromium. On Debian: apt-get install chromium');
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...(withBrowser ? [] : ['test/browser/**'])],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
