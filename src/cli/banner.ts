/** What `serve` prints once it listens: where, and in development lines to paste. */
import type { StartedServer } from './serve.js';

export function banner({ url, developmentToken, databaseUrl, embedded }: StartedServer): string {
  if (developmentToken === undefined) return `hashi-socket listens on ${url}\n`;
  const socketUrl = `${url.replace(/^http/, 'ws')}/?token=${developmentToken}`;
  // A database of the operator's own has a password of theirs, which is not ours to print.
  const database = embedded ? `'${databaseUrl}'` : '"$DATABASE_URL"';
  return `
hashi-socket listens on ${url} (development mode)

Console, in a browser:
  ${url}/#token=${developmentToken}

A raw client, in this directory:
  node --input-type=module -e "import WebSocket from 'ws'; new WebSocket('${socketUrl}').on('message', (m) => console.log(String(m)))"

A change, in SQL, that every client is told of:
  psql ${database} -c 'insert into contracts default values'

`;
}
