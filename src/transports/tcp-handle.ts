/**
 * Writes to what is under a TCP socket's stream, without the stream: its bookkeeping for each write costs a tenth of
 * what a delivery costs. Order and bounds are libuv's either way, so writes of both kinds may follow one another.
 *
 * This is internal to Node: where anything is not as it has been since Node 12, and with TLS, there is no handle, and
 * the stream does it.
 */
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** Told what became of a write that did not fit at once. */
export interface Writer {
  /** @param error why it failed, or null */
  written(bytes: number, error: Error | null): void;
}

/** One write under way, to libuv. It is used up only by a write that does not fit. */
interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  /** What it writes is kept by this alone until it is written. */
  buffer?: Uint8Array;
  writer?: Writer;
}

export interface TcpHandle {
  /** Returns libuv's error number, or 0; nothing once it has been closed for good. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number | undefined;
  /** Bytes that wait for the kernel. */
  readonly writeQueueSize: number;
}

/** Node's class of them; undefined until one has been seen, null when what was seen is not known. */
let Request: (new () => WriteRequest) | null | undefined;
let spare: WriteRequest | undefined;

/** The handle of a plain TCP socket, or null when there is none that is known. */
export function handleOf(socket: Socket): TcpHandle | null {
  if (Request === null || socket.constructor !== Socket) return null;
  const { _handle: handle } = socket as { _handle?: unknown };
  if (!isTcp(handle)) return null;
  if (Request === undefined) learn(handle);
  return handle;
}

function isTcp(handle: unknown): handle is TcpHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    handle.constructor.name === 'TCP' &&
    'writeBuffer' in handle &&
    typeof handle.writeBuffer === 'function' &&
    'writeQueueSize' in handle &&
    typeof handle.writeQueueSize === 'number'
  );
}

/** Node hands its class out to nobody; the stream's next write shows it. */
function learn(handle: TcpHandle): void {
  const show = (request: WriteRequest, bytes: Uint8Array): number | undefined => {
    Reflect.deleteProperty(handle, 'writeBuffer');
    if (Request === undefined) {
      const constructor = request.constructor as new () => WriteRequest;
      const known = constructor.name === 'WriteWrap' && typeof request.oncomplete === 'function';
      Request = known ? constructor : null;
    }
    return handle.writeBuffer(request, bytes);
  };
  Object.defineProperty(handle, 'writeBuffer', { value: show, configurable: true });
}

/**
 * Writes to the kernel, or to libuv what the kernel does not take.
 * @returns `done`; `waits` when `writer` is told later; `stream` when the stream has to do it; or the error.
 */
export function writeTo(
  handle: TcpHandle,
  bytes: Uint8Array,
  writer: Writer,
): 'done' | 'waits' | 'stream' | Error {
  if (spare === undefined) {
    if (!Request) return 'stream';
    spare = new Request();
    spare.oncomplete = complete;
  }
  const error = handle.writeBuffer(spare, bytes);
  if (error !== 0) {
    spare = undefined;
    return systemError(error ?? -constants.errno.EBADF);
  }
  if (handle.writeQueueSize === 0) return 'done';
  spare.buffer = bytes;
  spare.writer = writer;
  spare = undefined;
  return 'waits';
}

function complete(this: WriteRequest, status: number): void {
  this.writer?.written(this.buffer?.byteLength ?? 0, status < 0 ? systemError(status) : null);
}

function systemError(error: number): Error {
  const code = getSystemErrorName(error);
  return Object.assign(new Error(`write ${code}`), { code, errno: error, syscall: 'write' });
}
