/**
 * Where a server's CPU time goes, from the profiles that `node --cpu-prof` writes:
 *
 *   node --import tsx bench/support/profile.ts FOLDER
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aligned } from './statistics.js';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const shown = 30;
const notWork = ['(idle)', '(root)'];

/** Whose code a function is: this project's, a package's, Node's, or V8's and the kernel's. */
function ownerOf(url: string, name: string): string {
  if (name === '(garbage collector)') return 'garbage collection';
  if (url === '') return 'native: system calls and V8';
  const [, packageName] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(url) ?? [];
  if (packageName !== undefined) return packageName;
  return url.startsWith('node:') ? 'Node' : 'hashi-socket';
}

function selfTimes(profile: Profile): {
  functions: Map<string, number>;
  owners: Map<string, number>;
  busy: number;
} {
  const functions = new Map<string, number>();
  const owners = new Map<string, number>();
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  let busy = 0;
  profile.samples.forEach((id, n) => {
    const frame = frames.get(id);
    const took = profile.timeDeltas[n] ?? 0;
    if (!frame || notWork.includes(frame.functionName)) return;
    busy += took;
    const place = frame.url.replace(/^.*\/(dist|node_modules)\//, '');
    const name = `${frame.functionName || '(anonymous)'}${place === '' ? '' : `  ${place}:${frame.lineNumber + 1}`}`;
    functions.set(name, (functions.get(name) ?? 0) + took);
    const owner = ownerOf(frame.url, frame.functionName);
    owners.set(owner, (owners.get(owner) ?? 0) + took);
  });
  return { functions, owners, busy };
}

export function printProfiles(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
    const { functions, owners, busy } = selfTimes(profile);
    if (busy === 0) continue;
    console.log(`\n${file}: ${(busy / 1e6).toFixed(1)} s at work`);
    for (const [heading, times] of [
      ['whose', owners],
      ['function', functions],
    ] as const) {
      const top = [...times].sort(([, a], [, b]) => b - a).slice(0, shown);
      const rows = top.map(([name, took]) => [name, `${((took / busy) * 100).toFixed(1)} %`]);
      console.log(`\n${aligned([[heading, 'self'], ...rows])}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder] = process.argv;
  if (folder === undefined) throw new Error('which folder? profile.ts FOLDER');
  printProfiles(folder);
}
