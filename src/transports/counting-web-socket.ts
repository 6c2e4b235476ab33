/** A WebSocket that knows which pongs it has asked for: of the others a client could send any number, and nobody would see. */
import { WebSocket, type RawData } from 'ws';
import { MessageRate, type RateOptions } from './rate.js';

/** Engine.IO's packet that asks whether a WebSocket is good to change over to. */
const probe = Buffer.from('2probe');

/** What a client may have sent before it knew that it is closed. */
const mostIgnored = 100;

/** Writes to what is under a WebSocket, beside it. */
export interface BesideWriter {
  /** A close frame goes out, or it is cut off: nothing may be written beside it from then on. */
  closing(): void;
  /** A pong has come; `word`: what it says. */
  answered(word: Buffer): void;
}

/** Whose the connection is, and what becomes of it. */
export interface Hearer {
  message(data: RawData, isBinary: boolean): void;
  ping(data: Buffer): void;
  /** `asked`: by a ping of ours. */
  pong(asked: boolean): void;
  /** Once; `code`: the close code of the client's, or 1005 or 1006. */
  closed(code: number): void;
}

/** What of a client that engine.io reports to nobody is limited, and whom to tell: the same for all of them. */
export interface UnseenOptions extends RateOptions {
  readonly onRateLimited: () => void;
}

/**
 * What it watches comes by `emit` and not to listeners: there are thousands of these, and each listener of each would be a
 * function of its own.
 */
export class CountingWebSocket extends WebSocket {
  /** Pings of ours that are not answered yet; a client may answer the latest alone. */
  private asked = 0;
  /** How many messages are dropped before nothing is read any more; undefined: they are taken. */
  private ignored: number | undefined;
  private writer: BesideWriter | undefined;
  private hearer: Hearer | undefined;
  private tooLarge: (() => void) | undefined;
  private unseen: UnseenOptions | undefined;
  private unseenRate: MessageRate | undefined;
  /** The code of the close we have sent; what its event tells is the client's, which may not answer or not be read any more. */
  closedWith: number | undefined;

  override ping(data?: unknown, mask?: boolean, callback?: (error: Error) => void): void {
    this.asked++;
    super.ping(data, mask, callback);
  }

  /** There is one. */
  writtenBy(writer: BesideWriter): void {
    this.writer = writer;
  }

  override close(code?: number, data?: string | Buffer): void {
    this.writer?.closing();
    this.closedWith ??= code;
    super.close(code, data);
  }

  override terminate(): void {
    this.writer?.closing();
    super.terminate();
  }

  /**
   * Takes no more messages: until a close is answered, or the connection cut off, each would cost the others time. Who was
   * only too quick may answer; of a flood that goes on nothing is read any more.
   */
  ignore(): void {
    this.ignored ??= mostIgnored;
  }

  /** Calls back when a message is larger than may be, which closes it with 1009; and keeps errors from ending the process. */
  onTooLarge(callback: () => void): void {
    this.tooLarge = callback;
  }

  /** There is one. */
  heardBy(hearer: Hearer): void {
    this.hearer = hearer;
  }

  /**
   * Ends it when it goes on sending frames without a message faster than messages may come, or probes: of a client that
   * has only begun to change over engine.io answers each, and reports none.
   */
  limitUnseen(options: UnseenOptions): void {
    this.unseen = options;
  }

  /** It closes once anyway, and a wrapper of `once` takes 200 bytes as long as it is there. */
  override once(...[event, listener]: Parameters<WebSocket['once']>): this {
    return event === 'close' ? this.on(event, listener) : super.once(event, listener);
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'message' || event === 'ping' || event === 'pong') {
      if (this.ignored !== undefined) {
        if (--this.ignored === 0) this.pause();
        return true;
      }
      this.watch(event, args[0]);
      if (event === 'message') this.hearer?.message(args[0] as RawData, args[1] as boolean);
    } else if (event === 'close') {
      this.hearer?.closed(args[0] as number);
    } else if (event === 'error' && this.tooLarge) {
      const { code } = args[0] as NodeJS.ErrnoException;
      if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.tooLarge();
      if (this.listenerCount('error') === 0) return true;
    }
    return super.emit(event, ...args);
  }

  private watch(event: 'message' | 'ping' | 'pong', data: unknown): void {
    if (event === 'message') {
      if (this.unseen && Buffer.isBuffer(data) && data.equals(probe)) this.countUnseen();
    } else if (event === 'ping') {
      this.countUnseen();
      this.hearer?.ping(data as Buffer);
    } else {
      const asked = this.asked > 0;
      if (asked) this.asked--;
      else this.countUnseen();
      this.writer?.answered(data as Buffer);
      this.hearer?.pong(asked);
    }
  }

  private countUnseen(): void {
    const { unseen } = this;
    // What came along in the same piece is still read when it has ended.
    if (!unseen || this.readyState !== this.OPEN) return;
    this.unseenRate ??= new MessageRate(unseen);
    if (this.unseenRate.take() !== 'close') return;
    unseen.onRateLimited();
    this.removeAllListeners('message');
    this.terminate();
  }
}
