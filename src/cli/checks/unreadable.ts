/** A check of the log: entries that no instance can read. Each is a gap that its audience is told. */
import type pg from 'pg';
import { entryType } from '../../adapter/messages.js';
import { readOrdered } from '../../adapter/ordered-entry.js';
import { failed, ok, warning, type Result } from './check.js';

/** Newest first, and no more than these: a log holds millions. */
const most = 20_000;
const pageSize = 500;
const shownAtMost = 5;
const scanMs = 5_000;
const recentMs = 3_600_000;

interface Row {
  readonly seq: string;
  readonly at: Date;
  readonly room: string | null;
  readonly data: string | null;
}

// A cursor: a page of large entries must not be all of them.
const page = `fetch ${pageSize} from hashi_unreadable`;
const open = `declare hashi_unreadable no scroll cursor for
  select l.seq, e.occurred_at as at, e.room, e.data
  from (select * from realtime.log order by seq desc limit ${most}) l
  join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
  where e.type = '${entryType}' order by l.seq desc`;

export async function checkUnreadable(client: pg.Client): Promise<Result> {
  const check = 'unreadable';
  const found: Row[] = [];
  let looked = 0;
  const began = performance.now();
  await client.query('begin read only');
  try {
    await client.query(open);
    for (;;) {
      const { rows } = await client.query<Row>(page);
      looked += rows.length;
      found.push(...rows.filter(({ data }) => data !== null && readOrdered(data) === null));
      if (rows.length < pageSize || performance.now() - began > scanMs) break;
    }
  } finally {
    await client.query('rollback');
  }
  const [newest] = found;
  if (looked === 0) return ok(check, 'The adapter has written nothing lately.');
  if (!newest) return ok(check, `All of the adapter's newest ${looked} entries can be read.`);
  const detail = [
    `${found.length} of the adapter's newest ${looked} entries cannot be read.`,
    ...found
      .slice(0, shownAtMost)
      .map(({ seq, at, room }) => `#${seq} ${at.toISOString()} for ${room ?? 'nobody'}`),
  ].join('\n         ');
  const fix =
    'No adapter writes such entries: find out which program calls realtime.adapter_append() or writes to realtime.events, ' +
    'and take that right from its role. Clients were told to read the state again, and so is who resumes from before them; ' +
    'they go with the log’s retention.';
  return Date.now() - newest.at.getTime() < recentMs
    ? failed(check, detail, fix)
    : warning(check, detail, fix);
}
