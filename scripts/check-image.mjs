/**
 * Does what the Dockerfile says, step by step, in an empty directory: each stage's COPY and RUN, then its entry point as
 * another user on a read-only tree, its health check, and SIGTERM. For machines without a container engine.
 *
 *   npm run check:image
 */
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmbedded } from '../src/database/embedded.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'hashi-image-'));
const exec = promisify(execFile);
const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter(Boolean);
const stopWithinMs = 20_000;
/** Debian's `nobody`, in the place of the image's user `node`. */
const nobody = 65534;

/** Lines that end in a backslash go on. */
const lines = readFileSync(join(root, 'Dockerfile'), 'utf8')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => /^(\w+) (.*)$/.exec(line).slice(1));

const stages = [];

async function build() {
  for (const [word, rest] of lines) {
    const stage = stages.at(-1);
    if (word === 'FROM') {
      const [, name = String(stages.length)] = / AS (\w+)/.exec(rest) ?? [];
      stages.push({ name, root: join(work, name), folder: '/', env: {} });
    } else if (word === 'WORKDIR') stage.folder = rest;
    else if (word === 'ENV')
      Object.assign(stage.env, Object.fromEntries(rest.split(' ').map((pair) => pair.split('='))));
    else if (word === 'COPY') copy(stage, rest.split(' '));
    else if (word === 'RUN') await runIn(stage, rest);
    else if (['USER', 'EXPOSE'].includes(word)) stage[word] = rest;
    else if (word === 'HEALTHCHECK') stage.health = JSON.parse(/CMD (\[.*\])$/.exec(rest)[1]);
    else if (['ENTRYPOINT', 'CMD'].includes(word)) stage[word] = JSON.parse(rest);
    else throw new Error(`the Dockerfile says ${word}, which this script does not know`);
  }
}

function inside(stage, path) {
  return join(stage.root, resolve(stage.folder, path));
}

function copy(stage, words) {
  const [, from] = /^--from=(\w+)$/.exec(words[0]) ?? [];
  const source = stages.find(({ name }) => name === from);
  const paths = from === undefined ? words : words.slice(1);
  const to = paths.pop();
  for (const path of paths) {
    if (from === undefined && ignored.includes(path.replace(/^\.\//, '')))
      throw new Error(`the Dockerfile copies ${path}, and .dockerignore leaves it out`);
    const origin = source ? join(source.root, resolve(source.folder, path)) : join(root, path);
    const intoFolder = to.endsWith('/');
    const target = inside(stage, intoFolder ? join(to, path) : to);
    cpSync(origin, target, { recursive: true, verbatimSymlinks: true });
  }
}

async function runIn(stage, command) {
  console.log(`${stage.name}: ${command}`);
  await exec('sh', ['-c', command], {
    cwd: inside(stage, '.'),
    env: { ...process.env, ...stage.env },
    maxBuffer: 1 << 26,
  });
}

async function freePort() {
  const probe = createServer();
  await new Promise((done) => probe.listen(0, '127.0.0.1', done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return String(port);
}

async function check(stage, databaseUrl) {
  if (stage.USER === undefined || stage.USER === 'root') throw new Error('the image runs as root');
  const folder = inside(stage, '.');
  for (const path of [join(folder, 'src'), join(folder, 'node_modules', 'typescript')]) {
    if (existsSync(path)) throw new Error(`${path} has no place in the image`);
  }
  // Nobody may read it, and may write nothing.
  for (const path of [work, stage.root, folder]) chmodSync(path, 0o755);
  mkdirSync(join(work, 'home'), { recursive: true });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const env = {
    PATH: process.env.PATH,
    HOME: join(work, 'home'),
    ...stage.env,
    HOST: '127.0.0.1',
    PORT: await freePort(),
    DATABASE_URL: databaseUrl,
    AUTH_AUDIENCE: 'image',
    AUTH_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }),
  };
  const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const [program, ...args] = [...stage.ENTRYPOINT, ...stage.CMD];
  const server = spawn(program, args, { cwd: folder, env, ...identity, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((done) => server.once('exit', (code, signal) => done(code ?? signal)));
  let output = '';
  const listens = new Promise((done, fail) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (text) => {
        output += text;
        if (/hashi-socket listens on /.test(output)) done();
      });
    }
    void exited.then((code) => fail(new Error(`it ended with ${code}:\n${output}`)));
  });
  try {
    await listens;
    const [probe, ...probeArgs] = stage.health;
    await exec(probe, probeArgs, { cwd: folder, env, ...identity });
    for (const path of ['/readyz', '/docs', '/']) {
      const { status } = await fetch(`http://127.0.0.1:${env.PORT}${path}`);
      if (status !== 200) throw new Error(`${path} answered ${status}`);
    }
    server.kill('SIGTERM');
    const late = new Promise((_, fail) => {
      setTimeout(() => fail(new Error(`it did not stop within ${stopWithinMs} ms`)), stopWithinMs).unref();
    });
    const code = await Promise.race([exited, late]);
    if (code !== 0) throw new Error(`SIGTERM ended it with ${code} instead of 0:\n${output}`);
    const well = await exec(probe, probeArgs, { cwd: folder, env, ...identity }).then(
      () => true,
      () => false,
    );
    if (well) throw new Error('the health check says that a stopped server is well');
    console.log('the image starts as another user, is healthy, serves its pages, and stops with 0');
  } finally {
    server.kill('SIGKILL');
  }
}

let database;
try {
  await build();
  database = await startEmbedded({ dataDir: join(work, 'database'), tuning: 'test' });
  await check(stages.at(-1), database.url);
} finally {
  await database?.stop();
  rmSync(work, { recursive: true, force: true });
}
