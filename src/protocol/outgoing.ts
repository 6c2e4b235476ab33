/** A message on its way out: written once per form, shared by every connection that receives it. */
import { deflatedFrame } from './deflate.js';
import { binaryFrame, headerLength, textFrameOf } from './frame.js';

/**
 * The forms a message is sent in: to a raw client; to one that resumes, with the event's `id`; to a Socket.IO
 * client, as an event packet, with the offset its connection state recovery goes by.
 */
export type Form = 'raw' | 'rawWithId' | 'socketio';

/** A form as bytes: plain, or compressed for connections that have agreed to it. */
export type Framing = Form | `${Form}+deflate`;

/** The compressed framing of each form. */
export const deflated = {
  raw: 'raw+deflate',
  rawWithId: 'rawWithId+deflate',
  socketio: 'socketio+deflate',
} as const satisfies Record<Form, Framing>;

const plainOf: Readonly<Record<`${Form}+deflate`, Form>> = {
  'raw+deflate': 'raw',
  'rawWithId+deflate': 'rawWithId',
  'socketio+deflate': 'socketio',
};

const none: readonly Buffer[] = [];

let lastName = '';
let lastQuoted = '""';

/** As JSON. Most messages have the name of the one before. */
function quoted(name: string): string {
  if (name !== lastName) [lastName, lastQuoted] = [name, JSON.stringify(name)];
  return lastQuoted;
}

export class Outgoing {
  private json: string | undefined;
  /** Kept only where it is sent as text: a frame has all of it, and is what lives on. */
  private texts: Partial<Record<Form, string>> | undefined;
  /** The first frame that was made; most messages are sent as no other. */
  private framing: Framing | undefined;
  private bytes: Buffer | undefined;
  private others: Partial<Record<Framing, Buffer>> | undefined;
  /** Bytes that follow the text, to a Socket.IO client, each a message of its own. */
  readonly attachments: readonly Buffer[] = none;

  /**
   * @param name the envelope's `type`
   * @param data the envelope's `data`, as JSON text
   * @param place where in the log it stands; absent for what is no event of the log
   */
  constructor(
    readonly name: string,
    data: string,
    private readonly place?: string,
  ) {
    this.json = data;
  }

  /** Where in the log it stands. */
  protected get cursor(): string | undefined {
    return this.place;
  }

  get data(): string {
    return this.json ?? this.unframed();
  }

  /** Whether a frame of any form has the data, as it was given. */
  protected get isInFrames(): boolean {
    return true;
  }

  /** The message's text; for Socket.IO, the packet without the transport's own prefix. */
  text(form: Form): string {
    return ((this.texts ??= {})[form] ??= this.parts(form).join(''));
  }

  /** Makes the frame now: until there is one its text is copied by each collection of V8's. */
  prepare(framing: Framing): void {
    if (framing !== this.framing) this.frame(framing);
  }

  /** The message as one WebSocket frame. */
  frame(framing: Framing): Buffer {
    const made = this.made(framing);
    if (made) return made;
    const bytes = this.framed(framing);
    if (this.bytes) return ((this.others ??= {})[framing] = bytes);
    this.framing = framing;
    return (this.bytes = bytes);
  }

  private made(framing: Framing): Buffer | undefined {
    return framing === this.framing ? this.bytes : this.others?.[framing];
  }

  private framed(framing: Framing): Buffer {
    if (framing !== 'raw' && framing !== 'rawWithId' && framing !== 'socketio') {
      const form = plainOf[framing];
      // What has attachments stays together.
      const alone = form !== 'socketio' || this.attachments.length === 0;
      // "4" is Engine.IO's message packet.
      const prefix = form === 'socketio' ? '4' : '';
      return (alone ? deflatedFrame(prefix + this.parts(form).join('')) : null) ?? this.frame(form);
    }
    const [before, data, after] = this.parts(framing);
    const text = textFrameOf(framing === 'socketio' ? `4${before}` : before, data, after);
    // Bytes outside V8's heap, which its collector need not copy. It is taken from them where it is needed once more.
    if (this.isInFrames) this.json = undefined;
    if (framing !== 'socketio' || this.attachments.length === 0) return text;
    return Buffer.concat([text, ...this.attachments.map(binaryFrame)]);
  }

  /** What the text is made of: what stands before the data, the data, and what stands after it. */
  protected parts(form: Form): readonly [before: string, data: string, after: string] {
    return [this.before(form), this.data, this.after(form)];
  }

  private before(form: Form): string {
    const name = quoted(this.name);
    return form === 'socketio' ? `2[${name},` : `{"type":${name},"data":`;
  }

  private after(form: Form): string {
    if (form === 'raw') return '}';
    const { cursor } = this;
    if (form === 'rawWithId') return cursor === undefined ? '}' : `,"id":"${cursor}"}`;
    return cursor === undefined ? ']' : `,"${cursor}"]`;
  }

  private unframed(): string {
    for (const form of ['raw', 'rawWithId', 'socketio'] as const) {
      const frame = this.made(form);
      if (!frame) continue;
      const before = Buffer.byteLength(this.before(form)) + (form === 'socketio' ? 1 : 0);
      const after = Buffer.byteLength(this.after(form));
      return frame.toString('utf8', headerLength(frame) + before, frame.length - after);
    }
    throw new Error('a message has neither its data nor a frame');
  }
}
