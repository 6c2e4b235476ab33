/**
 * Hears `@socket.io/postgres-emitter`, which sends from processes without sockets: on channels whose names anybody
 * knows, so unless told otherwise only what a role sends that may publish is believed.
 */
import type { ClusterMessage } from 'socket.io-adapter';
import { decodeMessagePack } from './msgpack.js';
import { LeftRows } from './left-rows.js';
import type { Line } from './line.js';
import type { Settings } from './options.js';

export interface EmittersOptions {
  readonly settings: Settings;
  readonly line: Line;
  /** What takes the messages of a namespace, if it is there. */
  readonly member: (namespace: string) => { emitted(message: ClusterMessage): void } | undefined;
  readonly onError: (error: Error) => void;
}

interface Sending {
  readonly channel: string;
  readonly payload: string;
  readonly pid: number;
}

/** A notification's channel is shorter than 64 bytes: on a longer one nobody can send. */
const longestChannel = 63;
const emitterUid = 'emitter';

export class Emitters {
  private readonly namespaces = new Map<string, string>();
  /** One after the other: looking up the sender must not change the order. */
  private turn: Promise<void> = Promise.resolve();
  private table: string | undefined;
  private rows: LeftRows | undefined;

  constructor(private readonly options: EmittersOptions) {}

  listen(namespace: string): void {
    const { settings, line } = this.options;
    const channel = `${settings.channelPrefix}#${namespace}`;
    if (
      settings.emitters === 'off' ||
      channel.includes('\0') ||
      Buffer.byteLength(channel) > longestChannel
    ) {
      return;
    }
    this.namespaces.set(channel, namespace);
    line.listen(channel);
  }

  unlisten(namespace: string): void {
    const channel = `${this.options.settings.channelPrefix}#${namespace}`;
    if (this.namespaces.delete(channel)) this.options.line.unlisten(channel);
  }

  close(): void {
    this.rows?.close();
  }

  receive(channel: string, payload: string, pid: number): void {
    this.turn = this.turn
      .then(() => this.take({ channel, payload, pid }))
      .catch((error: unknown) => {
        const { message } = error as Error;
        this.options.onError(
          new Error(`what an emitter sent could not be delivered: ${message}`, { cause: error }),
        );
      });
  }

  private async take(sending: Sending): Promise<void> {
    const namespace = this.namespaces.get(sending.channel);
    if (namespace === undefined) return;
    const header = JSON.parse(sending.payload) as { uid?: unknown; attachmentId?: unknown };
    // Servers with the stock adapter talk here too, to each other.
    if (header.uid !== emitterUid) return;
    if (this.options.settings.emitters === 'checked' && !(await this.believes(sending))) return;
    const message =
      header.attachmentId === undefined ? header : await this.attachment(header.attachmentId as string);
    // The namespace is the channel's, whatever the message says.
    const emitted = { ...(message as ClusterMessage), uid: emitterUid, nsp: namespace };
    this.options.member(namespace)?.emitted(emitted);
  }

  private async believes({ channel, pid }: Sending): Promise<boolean> {
    const { line, onError } = this.options;
    const [sender] = await line.query<{ role: string | null; may: boolean | null }>(
      'select role, may from realtime.adapter_may_publish($1)',
      [pid],
    );
    if (sender?.may === true) return true;
    onError(
      new Error(
        sender?.role === null || sender === undefined
          ? `a message on "${channel}" was dropped: its sender had disconnected before its role could be looked up. ` +
              'Keep the connection of the emitter open, or set emitters: "trusted".'
          : `a message on "${channel}" was dropped: role "${sender.role}" may not publish. ` +
              'If it is to, GRANT USAGE ON SCHEMA realtime and EXECUTE ON FUNCTION realtime.adapter_append(text[], text[]) to it.',
      ),
    );
    return false;
  }

  private async attachment(id: string): Promise<unknown> {
    const { line, settings } = this.options;
    if (this.table === undefined) {
      const [found] = await line.query<{ name: string | null }>('select to_regclass($1)::text as name', [
        settings.tableName,
      ]);
      if (!found?.name) {
        throw new Error(
          `there is no table ${settings.tableName}: give emitter and adapter the same tableName`,
        );
      }
      this.table = found.name;
    }
    this.rowsOf(this.table).left();
    const [row] = await line.query<{ payload: Buffer }>(`select payload from ${this.table} where id = $1`, [
      id,
    ]);
    if (!row) throw new Error(`its attachment is not in ${this.table} any more`);
    return decodeMessagePack(row.payload);
  }

  private rowsOf(table: string): LeftRows {
    const { line, settings, onError } = this.options;
    const keptMs = settings.cleanupInterval;
    const remove = () =>
      line.query(`delete from ${table} where created_at < now() - $1 * interval '1 ms'`, [keptMs]);
    return (this.rows ??= new LeftRows({ keptMs, remove, onError }));
  }
}
