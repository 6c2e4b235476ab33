/** A defence, and what takes it away. */

export interface Mutation {
  /** What is taken away. */
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** The test file, and which of its tests. */
  readonly test: string;
  readonly only?: string;
}
