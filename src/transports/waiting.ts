/** What requests may keep waiting: so many of one connection, and where nobody else sees to it, for so long. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** In milliseconds, from a request's headers on. */
export interface RequestTimes {
  /** Until it has come to its end. */
  readonly bodyMs: number;
  /** Until its answer has been taken. */
  readonly answerMs: number;
}

export interface WaitingOptions {
  /** Absent on a server of our own, which looks after them itself. */
  readonly times: RequestTimes | null;
  /** Told of each connection that was ended. */
  readonly onEnded: (why: 'pipelined' | 'slow') => void;
}

/** Whether a request may wait for its answer; if not, its connection is over. */
export type MayWait = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * So many requests of one connection may wait for their answers. No client sends the next before it has the last answer;
 * of who sends thousands and reads nothing each would be kept, with its answer, as long as the connection.
 */
const mostWaiting = 16;

export function limitWaiting({ times, onEnded }: WaitingOptions): MayWait {
  const waiting = new WeakMap<Socket, number>();

  const end = (socket: Socket, why: 'pipelined' | 'slow') => {
    if (socket.destroyed) return;
    onEnded(why);
    socket.destroy();
  };

  return (request, response) => {
    const { socket } = request;
    // What came in one piece is read to its end.
    if (socket.destroyed) return false;
    const before = waiting.get(socket) ?? 0;
    if (before >= mostWaiting) {
      end(socket, 'pipelined');
      return false;
    }
    waiting.set(socket, before + 1);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    if (times) limitTime(request, response, times, () => end(socket, 'slow'));
    return true;
  };
}

function limitTime(
  request: IncomingMessage,
  response: ServerResponse,
  { bodyMs, answerMs }: RequestTimes,
  end: () => void,
): void {
  // A body may go on after its answer, and an answer wait after the body: each has its own time.
  const body = setTimeout(() => request.complete || end(), bodyMs).unref();
  request.once('close', () => clearTimeout(body));
  const answer = setTimeout(end, answerMs).unref();
  response.once('close', () => clearTimeout(answer));
}
