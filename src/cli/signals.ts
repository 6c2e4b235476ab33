/** What SIGTERM and SIGINT do: the first drains, a later one ends the process at once. */

/** npm passes on a Ctrl-C that the terminal has already sent to the whole group: the same one comes twice. */
const sameSignalMs = 1_000;

export interface ShutdownOptions {
  /** Drains and stops; called once. */
  readonly stop: () => Promise<void>;
  /** Called with 0 when everything has stopped, with 1 when that failed or a second signal came. */
  readonly exit: (code: 0 | 1) => void;
  readonly onStopping?: (signal: string) => void;
  readonly onError?: (error: unknown) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** @returns what is to be called for every signal */
export function createShutdown(options: ShutdownOptions): (signal: string) => void {
  const { stop, exit, onStopping, onError, now = () => performance.now() } = options;
  let firstAt: number | undefined;

  return (signal) => {
    if (firstAt !== undefined) {
      if (now() - firstAt > sameSignalMs) exit(1);
      return;
    }
    firstAt = now();
    onStopping?.(signal);
    stop().then(
      () => exit(0),
      (error: unknown) => {
        onError?.(error);
        exit(1);
      },
    );
  };
}
