/**
 * Starts a server by a command, has a raw and a Socket.IO client told of a row, and stops it:
 *
 *   node scripts/smoke.mjs --within 10 -- npm start
 *
 * Everything it needs to know it reads from what the server prints. Exit code 0 when all of it worked.
 */
import { spawn } from 'node:child_process';
import pg from 'pg';
import { io } from 'socket.io-client';
import WebSocket from 'ws';

const [, seconds, , ...command] = process.argv.slice(2);
const withinMs = Number(seconds) * 1000;
const stopWithinMs = 20_000;
if (!(withinMs > 0) || command.length === 0) throw new Error('usage: smoke.mjs --within SECONDS -- COMMAND…');

const startedAt = performance.now();
const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
let output = '';
const printed = new Promise((resolve, reject) => {
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      const [url, token] = /http:\/\/\S+\/#token=(\S+)/.exec(output) ?? [];
      const [, databaseUrl] = /psql '(.+?)'/.exec(output) ?? [];
      if (databaseUrl !== undefined) resolve({ url: new URL(url).origin, token, databaseUrl });
    });
  }
  child.once('error', reject);
  void exited.then((code) => reject(new Error(`it ended with ${code} before it listened`)));
});

try {
  const { url, token, databaseUrl } = await inTime(printed, withinMs, 'it did not say that it listens');
  const raw = new WebSocket(`${url.replace(/^http/, 'ws')}/?token=${token}`);
  const socket = io(url, { auth: { token } });
  const byRaw = { connected: deferred(), event: deferred() };
  const byIo = { connected: deferred(), event: deferred() };
  raw.on('error', byRaw.connected.reject);
  const closed = new Promise((resolve) => raw.once('close', resolve));
  raw.on('message', (text) => {
    const { type, data } = JSON.parse(String(text));
    if (type === 'connected') byRaw.connected.resolve();
    if (type === 'contract:event') byRaw.event.resolve(data);
  });
  socket.on('connect_error', byIo.connected.reject);
  socket.on('connected', () => byIo.connected.resolve());
  socket.on('contract:event', (data) => byIo.event.resolve(data));
  const bothConnected = Promise.all([byRaw.connected.promise, byIo.connected.promise]);
  const left = withinMs - (performance.now() - startedAt);
  await inTime(bothConnected, left, 'it did not answer both clients');
  const answeredMs = performance.now() - startedAt;

  const database = new pg.Client(databaseUrl);
  await database.connect();
  const { rows } = await database.query('insert into contracts default values returning id');
  await database.end();
  const told = await inTime(
    Promise.all([byRaw.event.promise, byIo.event.promise]),
    5_000,
    'a client was not told of the row',
  );
  for (const { type, contractId } of told) {
    if (type !== 'contract.created' || contractId !== rows[0].id) {
      throw new Error(`a client was told of ${type} ${contractId}`);
    }
  }

  // While clients are connected: they have to be let go of.
  socket.io.reconnection(false);
  process.kill(child.pid, 'SIGTERM');
  const code = await inTime(exited, stopWithinMs, 'it did not stop');
  const closeCode = await closed;
  if (closeCode !== 1012) throw new Error(`it closed a client with ${closeCode} instead of 1012`);
  if (code !== 0) throw new Error(`it stopped with ${code} instead of 0`);
  socket.close();
  console.log(
    `${command.join(' ')} answered both clients ${(answeredMs / 1000).toFixed(1)} s after its start`,
  );
} catch (error) {
  console.error(`${command.join(' ')}: ${error.message}\n${output.replaceAll(/token=[^\s"']+/g, 'token=…')}`);
  end('SIGTERM');
  await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, stopWithinMs))]);
  end('SIGKILL');
  process.exitCode = 1;
}
process.exit();

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** The whole group: a server that npm has started must not outlive it. */
function end(signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

async function inTime(promise, milliseconds, otherwise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${otherwise} within ${Math.round(milliseconds)} ms`)),
      milliseconds,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
