/** The kernel's part: a C program that writes a framed buffer to every socket. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Load } from '../load/group.js';
import { serverCore } from '../support/processes.js';
import type { Shape } from './shape.js';
import { names, type System } from './system.js';

/** Null where there is no compiler. `bytes` is the length of an event's text. */
export async function floor(bytes: number, joined: boolean, shape: Shape): Promise<System | null> {
  const folder = mkdtempSync(join(tmpdir(), 'hashi-floor-'));
  const program = join(folder, 'floor');
  try {
    execFileSync('cc', ['-O2', '-o', program, 'bench/peers/floor.c']);
  } catch (error) {
    console.log(`no floor, for there is no C compiler: ${(error as Error).message.split('\n')[0]}`);
    rmSync(folder, { recursive: true });
    return null;
  }
  const portFile = join(folder, 'port');
  const child = spawn('taskset', ['-c', String(serverCore), program, portFile, String(bytes)], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  while (!existsSync(portFile) || readFileSync(portFile, 'utf8') === '') await sleep(20);
  const load = new Load(false);
  const tokens = Array.from({ length: shape.clients }, () => 'none');
  await load.connect(Number(readFileSync(portFile, 'utf8')), 'raw', tokens);
  return {
    name: joined ? names.joined : names.floor,
    pid: child.pid ?? 0,
    load,
    async everyone(times) {
      child.stdin.write(`${times} ${joined ? 1 : 0}\n`);
    },
    async stop() {
      await load.stop();
      child.kill();
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
