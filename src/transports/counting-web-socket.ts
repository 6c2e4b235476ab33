/** A WebSocket that knows which pongs it has asked for: of the others a client could send any number, and nobody would see. */
import { WebSocket } from 'ws';
import { MessageRate, type RateOptions } from './rate.js';

/** Engine.IO's packet that asks whether a WebSocket is good to change over to. */
const probe = Buffer.from('2probe');

/** What a client may have sent before it knew that it is closed. */
const mostIgnored = 100;

export class CountingWebSocket extends WebSocket {
  /** Pings of ours that are not answered yet; a client may answer the latest alone. */
  private asked = 0;
  private closing: (() => void) | undefined;
  /** The code of the close we have sent; what its event tells is the client's, which may not answer or not be read any more. */
  closedWith: number | undefined;

  override ping(data?: unknown, mask?: boolean, callback?: (error: Error) => void): void {
    this.asked++;
    super.ping(data, mask, callback);
  }

  /** Calls back when its close frame goes out, or it is cut off: nothing may be written beside it from then on. */
  onClosing(callback: () => void): void {
    this.closing = callback;
  }

  override close(code?: number, data?: string | Buffer): void {
    this.closing?.();
    this.closedWith ??= code;
    super.close(code, data);
  }

  override terminate(): void {
    this.closing?.();
    super.terminate();
  }

  /**
   * Takes no more messages: until a close is answered, or the connection cut off, each would cost the others time. Who was
   * only too quick may answer; of a flood that goes on nothing is read any more.
   */
  ignore(): void {
    let left = mostIgnored;
    const drop = () => {
      if (--left === 0) this.pause();
    };
    for (const event of ['message', 'ping', 'pong']) this.removeAllListeners(event).on(event, drop);
  }

  /** Calls back when a message is larger than may be, which closes it with 1009; and keeps errors from ending the process. */
  onTooLarge(callback: () => void): void {
    this.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') callback();
    });
  }

  /** Calls back for every pong, and whether it was asked for. */
  onPong(callback: (asked: boolean) => void): void {
    this.on('pong', () => {
      const asked = this.asked > 0;
      if (asked) this.asked--;
      callback(asked);
    });
  }

  /**
   * Ends it when it goes on sending frames without a message faster than messages may come, or probes: of a client that
   * has only begun to change over engine.io answers each, and reports none.
   */
  limitUnseen(options: RateOptions, onRateLimited: () => void): void {
    const rate = new MessageRate(options);
    const count = () => {
      // What came along in the same piece is still read when it has ended.
      if (this.readyState !== this.OPEN || rate.take() !== 'close') return;
      onRateLimited();
      this.removeAllListeners('message');
      this.terminate();
    };
    this.on('ping', count);
    this.onPong((asked) => {
      if (!asked) count();
    });
    this.on('message', (data) => {
      if (Buffer.isBuffer(data) && data.equals(probe)) count();
    });
  }
}
