/** Checks the package as others get it: its manifest, its types, and that it works in an empty project. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'hashi-package-'));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const bin = (name) => join(root, 'node_modules', '.bin', name);

try {
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root),
  );
  const tarball = join(work, filename);
  for (const [name, args] of [
    ['publint', ['run', tarball, '--strict']],
    // The package is for ESM alone; who requires it gets Node's own answer.
    ['attw', [tarball, '--profile', 'esm-only']],
  ]) {
    const { status, stdout, stderr } = spawnSync(bin(name), args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${name}: ${stdout}${stderr}`);
    console.log(`${name}: clean`);
  }

  writeFileSync(join(work, 'package.json'), '{"name":"empty","private":true,"type":"module"}');
  // Without the optional packages: an embedded database is for development.
  run('npm', ['install', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', tarball], work);
  writeFileSync(
    join(work, 'use.mjs'),
    `import { createServer, lobbyRoom } from 'hashi-socket';
     import { createAdapter } from 'hashi-socket/adapter';
     import { connect } from 'hashi-socket/client';
     import { catalog, family } from 'hashi-socket/catalog';
     const all = [createServer, lobbyRoom, createAdapter, connect, family];
     if (all.some((one) => typeof one !== 'function') || catalog.families.length !== 4) process.exit(1);`,
  );
  run(process.execPath, ['use.mjs'], work);
  const version = run(join(work, 'node_modules', '.bin', 'hashi-socket'), ['--version'], work).trim();
  const expected = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  if (version !== expected) throw new Error(`the command says ${version}, the package is ${expected}`);
  console.log(`installed in an empty project: every entry loads, the command is ${version}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
