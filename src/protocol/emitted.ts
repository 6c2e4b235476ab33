/** What a program sent with the Socket.IO server API, as a message to clients of both protocols. */
import { Outgoing, type Form } from './outgoing.js';

/** Socket.IO's encoder: the text of an event packet, then its binary attachments. */
export type EncodeEvent = (data: unknown[]) => (string | Buffer)[];

export interface Place {
  /** Where in the log it stands; absent for what is not in it. */
  readonly cursor?: string;
  /** How far in the log its receivers are. */
  readonly at: string;
}

export class Emitted extends Outgoing {
  override readonly attachments: readonly Buffer[];
  private readonly packet: string;

  /**
   * @param data the event's name, then its arguments: a raw client gets the first, a Socket.IO client all
   * @param encode
   * @param place
   */
  constructor(data: readonly unknown[], encode: EncodeEvent, { cursor, at }: Place) {
    const [name, first] = data;
    super(String(name), plain(first), cursor);
    // A client takes a string at the end for its place in the log: one of the program's own must not be that.
    const offset = cursor ?? (typeof data.at(-1) === 'string' ? at : undefined);
    const [packet, ...attachments] = encode(offset === undefined ? [...data] : [...data, offset]);
    this.packet = String(packet);
    this.attachments = attachments.map((bytes) => Buffer.from(bytes));
  }

  /** Of a Socket.IO frame that has more arguments than one, or bytes, no data can be made. */
  protected override get isInFrames(): boolean {
    return false;
  }

  protected override parts(form: Form): readonly [string, string, string] {
    return form === 'socketio' ? ['', this.packet, ''] : super.parts(form);
  }
}

/** As JSON, bytes in base64: a raw client has no other form for them. */
function plain(value: unknown): string {
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key: string, json: unknown) {
    const original = this[key];
    if (original instanceof ArrayBuffer) return Buffer.from(original).toString('base64');
    if (!ArrayBuffer.isView(original)) return json;
    const { buffer, byteOffset, byteLength } = original;
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  }) as string | undefined;
  return text ?? 'null';
}
