/** A message on its way out: written once per form, shared by every connection that receives it. */
import { textFrame } from './frame.js';

/**
 * The forms a message is sent in: to a raw client; to one that resumes, with the event's `id`; to a Socket.IO
 * client, as an event packet, with the offset its connection state recovery goes by.
 */
export type Form = 'raw' | 'rawWithId' | 'socketio';

export class Outgoing {
  private readonly texts: Partial<Record<Form, string>> = {};
  private readonly frames: Partial<Record<Form, Buffer>> = {};

  /**
   * @param name the envelope's `type`
   * @param data the envelope's `data`, as JSON text
   * @param cursor where in the log it stands; absent for what is no event of the log
   */
  constructor(
    readonly name: string,
    readonly data: string,
    readonly cursor?: string,
  ) {}

  /** The message's text; for Socket.IO, the packet without the transport's own prefix. */
  text(form: Form): string {
    return (this.texts[form] ??= this.write(form));
  }

  /** The message as one WebSocket frame. */
  frame(form: Form): Buffer {
    // "4" is Engine.IO's message packet.
    return (this.frames[form] ??= textFrame(form === 'socketio' ? `4${this.text(form)}` : this.text(form)));
  }

  private write(form: Form): string {
    const name = JSON.stringify(this.name);
    switch (form) {
      case 'raw':
        return `{"type":${name},"data":${this.data}}`;
      case 'rawWithId':
        return this.cursor === undefined
          ? this.text('raw')
          : `{"type":${name},"data":${this.data},"id":"${this.cursor}"}`;
      case 'socketio':
        return this.cursor === undefined
          ? `2[${name},${this.data}]`
          : `2[${name},${this.data},"${this.cursor}"]`;
    }
  }
}
