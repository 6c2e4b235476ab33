/** Tells a resume: how long the connection was away, and how many events came after it. */

export class Resume {
  #awaySince;
  #until;
  #awayMs = 0;
  #replayed = 0;

  /** @param {(text: string) => void} onText */
  constructor(onText) {
    this.onText = onText;
  }

  /** The connection was lost. */
  away() {
    this.#awaySince ??= performance.now();
    this.onText('Away: what happens now is told afterwards.');
  }

  /** @param {{recovered: boolean, timestamp: string}} connected what the server said at the connect */
  back({ recovered, timestamp }) {
    if (this.#awaySince === undefined) return;
    this.#awayMs = performance.now() - this.#awaySince;
    this.#awaySince = undefined;
    this.#replayed = 0;
    this.#until = recovered ? timestamp : undefined;
    if (recovered) this.#tell();
    else this.onText('Not resumed: events may be missing.');
  }

  /** Another connection, not the same one again. */
  forget() {
    this.#awaySince = undefined;
    this.#until = undefined;
    this.onText('');
  }

  /** What changed before the connection was back comes first, and in order. @param {string} timestamp of an event */
  isReplayed(timestamp) {
    if (this.#until === undefined) return false;
    if (timestamp > this.#until) {
      this.#until = undefined;
      return false;
    }
    this.#replayed += 1;
    this.#tell();
    return true;
  }

  #tell() {
    const events = this.#replayed === 1 ? '1 event' : `${this.#replayed} events`;
    this.onText(`Away for ${(this.#awayMs / 1000).toFixed(1)} s, ${events} replayed.`);
  }
}
