/** The adapter of one namespace, as the process it runs in sees it. */
import type { ClusterMessage } from 'socket.io-adapter';
import type { Notice, Ordered } from './messages.js';

export interface Member {
  readonly name: string;
  /** A message of the log, at its place; `seq` is undefined if it is delivered without the log. */
  deliver(message: Ordered, seq: number | undefined): void;
  notice(notice: Notice): void;
  /** From a process without sockets. */
  emitted(message: ClusterMessage): void;
  /** Another process has shown that it is alive. */
  alive(process: string): void;
  /** Shows itself to the others: they may have been told while this process could not hear or be heard. */
  announce(): void;
}

export interface LogAdapterOptions {
  /** The last namespace of the process is closed. */
  readonly onLastClosed: () => void;
  /** Whether sessions are stored, so that they can be taken up again. Default: as `connectionStateRecovery` says. */
  readonly storesSessions?: boolean;
}
