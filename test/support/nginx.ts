/** A real nginx with the configuration of `deploy/nginx`, before instances that run here. */
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../faults/support/ports.js';
import { run, type Child } from './child.js';
import { root } from './readme.js';

export interface Nginx {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  stop(): Promise<void>;
}

/** @param upstreams addresses in the place of `one:3000` and `two:3000` */
export async function startNginx(upstreams: readonly [one: string, two: string]): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'hashi-nginx-'));
  const port = await freePort();
  const site = readFileSync(join(root, 'deploy/nginx/hashi.conf'), 'utf8')
    .replace('one:3000', upstreams[0])
    .replace('two:3000', upstreams[1])
    .replace('listen 8080', `listen 127.0.0.1:${port}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''}
     pid ${folder}/nginx.pid;
     daemon off;
     error_log stderr notice;
     events {}
     http { access_log off; ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}\n${site} }`,
  );
  const child: Child = run(findNginx(), ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]);
  await child.printed(/start worker process \d/);
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    async stop() {
      child.signal('SIGTERM');
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function findNginx(): string {
  // Debian keeps it where an ordinary user's PATH does not lead.
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].map((one) =>
    join(one, 'nginx'),
  );
  const found = places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('There is no nginx. On Debian: apt-get install nginx-light');
  return found;
}
