/** A real Chromium for the browser tests, with a profile of its own that is thrown away. */
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';

const artifacts = fileURLToPath(new URL('../artifacts/', import.meta.url));

export interface TestBrowser {
  /** A page that fails nothing by itself: what it complained of is in `complaints`. */
  open(options?: BrowserContextOptions): Promise<{ page: Page; complaints: string[] }>;
  /** Pages that live on would take the machine's time from the tests after them. */
  closePages(): Promise<void>;
  close(): Promise<void>;
}

/** @throws a sentence that says how to install it, when there is no Chromium */
export async function launchBrowser(): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'hashi-chromium-'));
  const contexts: BrowserContext[] = [];
  const browser = await chromium.launch({
    executablePath: findChromium(),
    headless: true,
    // Chromium's crash handler and caches stay in the profile too.
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return {
    async open(options = {}) {
      const context = await browser.newContext(options);
      contexts.push(context);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      return { page, complaints };
    },
    async closePages() {
      for (const context of contexts.splice(0)) await context.close();
    },
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Keeps a picture of the page in test/artifacts. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(artifacts, { recursive: true });
  await page.screenshot({ path: join(artifacts, `${name}.png`) });
}

function findChromium(): string {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const named = CHROMIUM_PATH !== undefined && CHROMIUM_PATH !== '';
  const candidates = named
    ? [CHROMIUM_PATH]
    : PATH.split(delimiter).map((folder) => join(folder, 'chromium'));
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    named
      ? `CHROMIUM_PATH is ${CHROMIUM_PATH}, which cannot be run: name a Chromium's executable.`
      : 'The browser tests need Chromium: install it (on Debian: apt-get install chromium), or name its executable in CHROMIUM_PATH.',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
