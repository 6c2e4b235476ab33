/**
 * A prepared statement whose rows are handed on one by one while they are read. `pg` makes an object of each row first, by the names
 * and types of its columns, which it asks the database for each time, and keeps them all until the last has come: for what is
 * read thousands of times a second that is most of the work.
 */
import type pg from 'pg';

/** A row's columns as the database writes them, in the statement's order. */
export type Fields = readonly (string | null)[];

export interface Statement {
  /** One a connection. */
  readonly name: string;
  readonly text: string;
}

type Value = string | number | boolean | null;

/** What of `pg`'s connection is used: its messages to the database, as `pg-cursor` uses them. */
interface Connection {
  readonly stream: { cork(): void; uncork(): void };
  close(statement: { type: 'S'; name: string }): void;
  parse(statement: Statement): void;
  bind(values: { statement: string; values: readonly (string | null)[] }): void;
  execute(all: object): void;
  sync(): void;
}

/** Given to `client.query`, which calls the methods as the database answers. */
export class RowsQuery implements pg.Submittable {
  /** What `onRow` has thrown: the connection is as good as before. */
  failure: unknown;

  /**
   * @param prepared the statements that this connection is known to have
   * @param onRow called for each row as it comes; what it throws fails the query, and no row follows
   * @param callback called once, after the last row; `pg` puts its own before it, for `query_timeout`
   */
  constructor(
    private readonly statement: Statement,
    private readonly values: readonly Value[],
    private readonly prepared: Set<string>,
    private readonly onRow: (fields: Fields) => void,
    public callback: (error: unknown) => void,
  ) {}

  submit(given: pg.Connection): void {
    const connection = given as unknown as Connection;
    const { name } = this.statement;
    connection.stream.cork();
    if (!this.prepared.has(name)) {
      // It may be there though the query that made it has failed.
      connection.close({ type: 'S', name });
      connection.parse(this.statement);
    }
    connection.bind({
      statement: name,
      values: this.values.map((value) => (value === null ? null : String(value))),
    });
    connection.execute({});
    connection.sync();
    connection.stream.uncork();
  }

  handleDataRow({ fields }: { fields: Fields }): void {
    if (this.failure !== undefined) return;
    try {
      this.onRow(fields);
    } catch (error) {
      this.failure = error;
    }
  }

  handleCommandComplete(): void {}

  handleError(error: unknown): void {
    this.prepared.delete(this.statement.name);
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.prepared.add(this.statement.name);
    this.callback(this.failure ?? null);
  }
}
