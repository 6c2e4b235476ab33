/** Messages between instances that need no place in the order: requests, answers, signs of life, volatile packets. */
import { createHmac } from 'node:crypto';
import { decode, encode } from './codec.js';
import { LeftRows } from './left-rows.js';
import { LineLostError, type Line } from './line.js';
import type { Notice, NoticeBody } from './messages.js';
import { within } from './within.js';

export interface NoticesOptions {
  /** The process these come from. */
  readonly from: string;
  readonly line: Line;
  /** Above this many bytes a message goes through a row. */
  readonly threshold: number;
  readonly cleanupMs: number;
  readonly onNotice: (notice: Notice) => void;
  readonly onError: (error: Error) => void;
}

/** What is kept while the database is away, and for how long: a request has timed out by then. */
const heldMessages = 1000;
const heldMs = 5000;
const closeMs = 1000;

/** Nobody who may not know the secret can guess it, so nobody else can hear or send: PUBLIC may notify as it likes. */
export const channelOf = (secret: string, prefix: string): string =>
  `hashi_${createHmac('sha256', secret).update(prefix).digest('hex').slice(0, 40)}`;

export class Notices {
  /** Set once the database has told the secret. */
  channel: string | undefined;
  private k = 0;
  private held: { readonly text: string; readonly at: number }[] = [];
  private sending: Promise<void> | undefined;
  private readonly rows: LeftRows;

  constructor(private readonly options: NoticesOptions) {
    const { line, cleanupMs: keptMs, onError } = options;
    const remove = () =>
      line.query("select realtime.adapter_forget_attachments($1 * interval '1 ms')", [keptMs]);
    this.rows = new LeftRows({ keptMs, remove, onError });
  }

  send(body: NoticeBody): void {
    const text = encode({ ...body, from: this.options.from, k: ++this.k });
    this.held.push({ text, at: Date.now() });
    if (this.held.length > heldMessages) this.held.shift();
    setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.sending || this.held.length === 0 || !this.options.line.up || !this.channel) return;
    this.sending = this.sendHeld(this.channel)
      .catch((error: unknown) => {
        if (!(error instanceof LineLostError)) this.options.onError(error as Error);
      })
      .finally(() => {
        this.sending = undefined;
      });
  }

  private async sendHeld(channel: string): Promise<void> {
    const { line, threshold } = this.options;
    for (;;) {
      const all = this.held.filter(({ at }) => Date.now() - at < heldMs).map(({ text }) => text);
      this.held = [];
      if (all.length === 0) return;
      const fits = (text: string) => Buffer.byteLength(text) <= threshold;
      const small = all.filter(fits);
      if (small.length > 0) {
        await line.query(
          'select pg_notify($1, m) from pg_catalog.unnest($2::text[]) with ordinality u (m, place) order by place',
          [channel, small],
        );
      }
      for (const large of all.filter((text) => !fits(text))) {
        await line.query('select realtime.adapter_attach($1, $2)', [channel, large]);
        this.rows.left();
      }
    }
  }

  receive(payload: string): void {
    if (!payload.startsWith('@')) {
      this.hear(payload);
      return;
    }
    this.options.line
      .query<{ message: string | null }>('select realtime.adapter_attached($1) as message', [
        payload.slice(1),
      ])
      .then(([row]) => {
        if (row?.message) this.hear(row.message);
      })
      .catch((error: unknown) => this.options.onError(error as Error));
  }

  private hear(text: string): void {
    const notice = decode(text) as Notice;
    if (notice.from !== this.options.from) this.options.onNotice(notice);
  }

  /** Waits for what is under way, up to a second. */
  async close(): Promise<void> {
    this.flush();
    if (this.sending) await within(closeMs, this.sending);
    this.rows.close();
  }
}
