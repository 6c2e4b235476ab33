/** Shows that long work goes on: one line written over and over on a terminal, a line now and then anywhere else. */

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How often something is said, in milliseconds. */
const terminalMs = 1000;
const plainMs = 10_000;

/** Moves to the start of the line and empties it. */
const overwrite = '\r\u001b[K';

const duration = (ms: number) => {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

export class Progress {
  private timer: NodeJS.Timeout | undefined;
  private from = 0;
  private shown = false;
  private looking = false;

  /** @param now milliseconds that only grow */
  constructor(
    private readonly output: Output,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Until the next `begin`, or `end`: tells how long it has been, and what `describe` finds besides.
   * @param describe resolves with null where there is nothing to tell
   */
  begin(describe: () => string | null | Promise<string | null> = () => null): void {
    this.end();
    this.from = this.now();
    const look = async () => {
      if (this.looking) return;
      this.looking = true;
      const { timer } = this;
      // What cannot be found out is left out.
      const detail = await Promise.resolve()
        .then(describe)
        .catch(() => null);
      this.looking = false;
      // Over meanwhile.
      if (timer === this.timer)
        this.show([duration(this.now() - this.from), detail].filter(Boolean).join(', '));
    };
    this.timer = setInterval(() => void look(), this.output.isTTY ? terminalMs : plainMs).unref();
  }

  /** A line that stays. */
  say(line: string): void {
    this.clear();
    this.output.write(`${line}\n`);
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.clear();
  }

  private show(text: string): void {
    if (!this.output.isTTY) return void this.output.write(`      ${text}\n`);
    this.output.write(`${overwrite}      ${text}`);
    this.shown = true;
  }

  private clear(): void {
    if (this.shown) this.output.write(overwrite);
    this.shown = false;
  }
}
