/** A client's requests, done one after the other, so many waiting and no more. */

export class InOrder {
  private before: Promise<void>;
  private waiting = 0;

  /**
   * @param first what all of them wait for, if anything
   * @param mostWaiting a database that hangs must not make a client's requests pile up here
   */
  constructor(
    first: Promise<void> | null,
    private readonly mostWaiting: number,
    private readonly onError: (error: unknown) => void,
  ) {
    this.before = first ?? Promise.resolve();
  }

  get full(): boolean {
    return this.waiting >= this.mostWaiting;
  }

  run(task: () => Promise<void>): void {
    this.waiting++;
    this.before = this.before
      .then(task)
      .catch(this.onError)
      .finally(() => this.waiting--);
  }
}
