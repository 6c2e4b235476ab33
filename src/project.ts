/** What a project adds to the server: in its own code, or in a file `hashi-socket.config.ts` beside its package.json. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { catalog as documented, mapCatalog, type Catalog, type Mapping } from './catalog/index.js';
import type { Family } from './catalog/family.js';
import { OperatorError } from './errors.js';
import {
  requireFreeNames,
  type Authenticate,
  type ClientMessages,
  type ClientSocket,
  type Hooks,
} from './hooks.js';
import type { CanSubscribe } from './routing/subscriptions.js';

/** What a project adds to the server: in its code, or in `hashi-socket.config.ts`. */
export interface ProjectOptions<Families extends readonly Family[] = readonly Family[]> {
  /** Event families over tables of the project's own, besides the documented ones. */
  readonly families?: Families;
  /** `false`: only the project's own families; the documented tables are neither needed nor watched. */
  readonly documentedFamilies?: boolean;
  /** What the documented tables and columns are called in a database that has them under other names. */
  readonly mapping?: Mapping;
  /** Takes the place of the AUTH_ settings. */
  readonly authenticate?: Authenticate;
  /** The last word on who may subscribe to a lobby; `allowed` is what the documented rules say. */
  readonly canSubscribe?: CanSubscribe;
  /**
   * Called for every client that is let in, whatever it speaks: `socket.data.transport` says which. What it throws is
   * logged, and the client stays.
   */
  readonly onConnection?: (socket: ClientSocket) => void | Promise<void>;
  /** Further messages that clients may send, by name; the protocol's own names cannot be taken. */
  readonly messages?: ClientMessages;
}

/** Written for its types: `export default defineConfig({ families: [...] })` in `hashi-socket.config.ts`. */
export function defineConfig<const Families extends readonly Family[]>(
  options: ProjectOptions<Families>,
): ProjectOptions<Families> {
  return options;
}

/**
 * The catalogue of a project: the documented families and its own.
 * @throws OperatorError when the mapping is wrong
 */
export function catalogOf({ families = [], documentedFamilies = true, mapping }: ProjectOptions): Catalog {
  if (!documentedFamilies) {
    if (mapping === undefined) return { families, rights: [] };
    throw new OperatorError(
      '"mapping" gives names to the documented tables, which "documentedFamilies: false" leaves out: take one of the two away.',
    );
  }
  const known = mapping === undefined ? documented : mapCatalog(documented, mapping);
  return { ...known, families: [...known.families, ...families] };
}

/** @throws OperatorError when a message has a name that is taken */
export function hooksOf({ authenticate, canSubscribe, messages, onConnection }: ProjectOptions): Hooks {
  if (messages) requireFreeNames(messages);
  return { authenticate, canSubscribe, messages, onConnection };
}

const fileNames = ['ts', 'mts', 'js', 'mjs'].map((ending) => `hashi-socket.config.${ending}`);

/**
 * Reads the project's file in a folder; nothing is added where there is none.
 * @throws OperatorError when it cannot be read
 */
export async function loadProject(folder: string = process.cwd()): Promise<ProjectOptions> {
  for (const name of fileNames) {
    const path = join(folder, name);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return read(path, name);
  }
  return {};
}

async function read(path: string, name: string): Promise<ProjectOptions> {
  try {
    // Node before 22.18 does not read TypeScript by itself.
    if (/ts$/.test(name)) (await import('tsx/esm/api')).register();
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    if (typeof module.default !== 'object' || module.default === null) {
      throw new Error('it has no default export: write "export default defineConfig({ … })"');
    }
    return module.default;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorError(`${name} cannot be read: ${reason}`, { cause });
  }
}
