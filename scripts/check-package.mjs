/**
 * Checks the package as others get it: its manifest, its types, and that in an empty project every entry loads and the
 * examples compile and run.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // What who writes TypeScript has as well.
  const types = ['node', 'pg', 'ws'].map(
    (name) => `@types/${name}@${manifest.devDependencies[`@types/${name}`]}`,
  );
  const quietly = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'];
  run('npm', ['install', ...quietly, tarball], work);
  refuseUndeclared(join(work, 'node_modules/hashi-socket/dist'), {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
  });
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
  if (version !== manifest.version)
    throw new Error(`the command says ${version}, the package is ${manifest.version}`);
  // Who does not write ES modules yet.
  run(
    process.execPath,
    ['--input-type=commonjs', '-e', `if (!require('hashi-socket/adapter').createAdapter) process.exit(1)`],
    work,
  );
  console.log(`installed in an empty project: every entry loads, the command is ${version}`);

  run('npm', ['install', ...quietly, '--save-dev', ...types], work);
  for (const name of ['adapter-only', 'task-board'])
    cpSync(join(work, 'node_modules/hashi-socket/examples', name), join(work, name), { recursive: true });
  writeFileSync(
    join(work, 'wrong.ts'),
    `import { createServer } from 'hashi-socket';
     import { createAdapter } from 'hashi-socket/adapter';
     import { connect } from 'hashi-socket/client';
     import pg from 'pg';
     // @ts-expect-error no such event
     createServer().on('contract.finalized', () => undefined);
     // @ts-expect-error no such key of the payload
     createServer().on('contract.created', ({ payload }) => payload.stake);
     // @ts-expect-error no such option
     createServer({ family: [] });
     // @ts-expect-error no such option
     createAdapter(new pg.Pool(), { chanelPrefix: 'chat' });
     // @ts-expect-error no such event
     connect({ url: '', token: () => '' }).on('contract:finalized', () => undefined);`,
  );
  const compiler = { target: 'es2022', module: 'nodenext', strict: true, skipLibCheck: true, outDir: 'out' };
  writeFileSync(
    join(work, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compiler, types: ['node'] } }),
  );
  const { status, stdout } = spawnSync(bin('tsc'), ['-p', work], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the examples do not compile: ${stdout}`);
  await runExamples();
  console.log('the examples compile and run, and what is wrong does not compile');
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Nothing is used that comes for development alone, or by chance. */
function refuseUndeclared(dist, declared) {
  const files = readdirSync(dist, { recursive: true }).filter((file) => /\.(js|d\.ts)$/.test(file));
  for (const file of files) {
    const text = readFileSync(join(dist, file), 'utf8');
    for (const [, name] of text.matchAll(
      /(?:^(?:import|export|\}).* from |^import |\bimport\()['"]([^.'"/][^'"]*)['"]/gm,
    )) {
      const asked = name.match(/^(@[^/]+\/)?[^/]+/)?.[0];
      if (asked === undefined || asked.startsWith('node:') || asked in declared) continue;
      throw new Error(`dist/${file} imports ${asked}, which is not among the dependencies`);
    }
  }
}

/** A chat between two processes with the adapter, and a task board of somebody's own tables, on one Postgres. */
async function runExamples() {
  const { startEmbedded } = await import('../dist/database/embedded.js');
  const postgres = await startEmbedded({ dataDir: join(work, 'postgres'), tuning: 'test' });
  const started = [];
  const start = async (file) => {
    const child = spawn(process.execPath, [file], {
      cwd: work,
      env: {
        ...process.env,
        DATABASE_URL: postgres.url,
        PORT: '0',
        LOG_LEVEL: 'error',
        HASHI_DRAIN_MS: '100',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(child);
    const [line] = await once(child.stdout, 'data');
    return Number(/"port":(\d+)/.exec(String(line))?.[1]);
  };
  try {
    const { io } = await import('socket.io-client');
    const ports = await Promise.all([1, 2].map(() => start('out/adapter-only/server.js')));
    const [one, two] = ports.map((port) => io(`http://127.0.0.1:${port}`, { transports: ['websocket'] }));
    const said = new Promise((resolve) => two.once('said', resolve));
    await Promise.all([one, two].map((socket) => once(socket, 'connect')));
    one.emit('say', 'hello');
    if ((await said) !== 'hello') throw new Error('the chat brought something else');
    for (const socket of [one, two]) socket.close();

    const { default: WebSocket } = await import('ws');
    const { default: pg } = await import('pg');
    const board = await start('out/task-board/server.js');
    const watching = new WebSocket(`ws://127.0.0.1:${board}/live?token=ann`);
    const messages = [];
    const done = new Promise((resolve) => {
      watching.on('message', (text) => {
        messages.push(JSON.parse(String(text)).data.type);
        if (messages.at(-1) === 'task.done') resolve();
      });
    });
    await once(watching, 'message');
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await client.query(`with b as (insert into boards (title) values ('home') returning id)
      insert into members select id, 'ann' from b`);
    await client.query(`insert into tasks (board_id, title) select id, 'paint' from boards`);
    await client.query('update tasks set done_at = now()');
    await done;
    await client.end();
    watching.close();
  } finally {
    for (const child of started) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    await postgres.stop();
  }
}
