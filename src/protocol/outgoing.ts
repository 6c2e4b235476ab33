/** A message on its way out: written once per form, shared by every connection that receives it. */
import { deflatedFrame } from './deflate.js';
import { binaryFrame, headerLength, textFrame } from './frame.js';

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

export class Outgoing {
  private json: string | undefined;
  /** Kept only where it is sent as text: a frame has all of it, and is what lives on. */
  private texts: Partial<Record<Form, string>> | undefined;
  private readonly frames: Partial<Record<Framing, Buffer>> = {};
  /** Bytes that follow the text, to a Socket.IO client, each a message of its own. */
  readonly attachments: readonly Buffer[] = none;

  /**
   * @param name the envelope's `type`
   * @param data the envelope's `data`, as JSON text
   * @param cursor where in the log it stands; absent for what is no event of the log
   */
  constructor(
    readonly name: string,
    data: string,
    readonly cursor?: string,
  ) {
    this.json = data;
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
    return ((this.texts ??= {})[form] ??= this.write(form));
  }

  /** Makes the frame now: until there is one its text is copied by each collection of V8's. */
  prepare(framing: Framing): void {
    if (!(framing in this.frames)) this.frame(framing);
  }

  /** The message as one WebSocket frame. */
  frame(framing: Framing): Buffer {
    return (this.frames[framing] ??= this.framed(framing));
  }

  private framed(framing: Framing): Buffer {
    if (framing !== 'raw' && framing !== 'rawWithId' && framing !== 'socketio') {
      const form = plainOf[framing];
      // What has attachments stays together.
      const alone = form !== 'socketio' || this.attachments.length === 0;
      return (alone ? deflatedFrame(this.whole(form)) : null) ?? this.frame(form);
    }
    const text = textFrame(this.whole(framing));
    // Bytes outside V8's heap, which its collector need not copy. It is taken from them where it is needed once more.
    if (this.isInFrames) this.json = undefined;
    if (framing !== 'socketio' || this.attachments.length === 0) return text;
    return Buffer.concat([text, ...this.attachments.map(binaryFrame)]);
  }

  /** "4" is Engine.IO's message packet. */
  private whole(form: Form): string {
    const text = this.texts?.[form] ?? this.write(form);
    return form === 'socketio' ? `4${text}` : text;
  }

  protected write(form: Form): string {
    const { before, after } = this.around(form);
    return `${before}${this.data}${after}`;
  }

  /** What stands before the data, and after it. */
  private around(form: Form): { before: string; after: string } {
    const { cursor } = this;
    const name = JSON.stringify(this.name);
    switch (form) {
      case 'raw':
        return { before: `{"type":${name},"data":`, after: '}' };
      case 'rawWithId':
        return {
          before: `{"type":${name},"data":`,
          after: cursor === undefined ? '}' : `,"id":"${cursor}"}`,
        };
      case 'socketio':
        return { before: `2[${name},`, after: cursor === undefined ? ']' : `,"${cursor}"]` };
    }
  }

  private unframed(): string {
    for (const form of ['raw', 'rawWithId', 'socketio'] as const) {
      const frame = this.frames[form];
      if (!frame) continue;
      const { before, after } = this.around(form);
      const prefix = Buffer.byteLength(before) + (form === 'socketio' ? 1 : 0);
      return frame.toString('utf8', headerLength(frame) + prefix, frame.length - Buffer.byteLength(after));
    }
    throw new Error('a message has neither its data nor a frame');
  }
}
