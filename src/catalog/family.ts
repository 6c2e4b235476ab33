/** What an event family is, and the types of its events. */
import { getTableColumns, getTableName } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import { columnOf, isText } from './column.js';
import {
  tableRef,
  type Audience,
  type Field,
  type Fields,
  type ObjectOf,
  type Property,
  type TableRef,
  type Transition,
} from './define.js';

/** What an event does to rooms, at its place in the log: see `routing/router.ts`. */
export type Effect = 'join' | 'leave' | 'close';

/** The rows of another table whose changes are events of this family. */
export interface Relation {
  readonly table: TableRef;
  readonly primaryKey: readonly string[];
  /** Its column that points at the family's row. */
  readonly by: string;
  /** Set where its rows are memberships: the column that names the player. */
  readonly player?: string;
  /** The SQL type of that column, where it is no text. */
  readonly playerType?: string;
}

/** When an event happens, in which table, and what it does to rooms. */
export interface EventDefinition {
  readonly transition: Transition;
  /** Absent: the transition is one of the family's own table. */
  readonly relation?: Relation;
  readonly effect?: Effect;
  /** A player who gets the event besides the family's audience; a column of the family's row. */
  readonly alsoPlayer?: string;
}

/** Events over one table: what `family()` makes. `Name` is the `type` of messages, `Events` those of `data`. */
export interface Family<
  Name extends string = string,
  Keys extends Fields = Fields,
  Events extends string = string,
  Payload = unknown,
> {
  readonly name: Name;
  readonly table: TableRef;
  readonly primaryKey: readonly string[];
  /** Keys of `data` between `type` and `timestamp`. */
  readonly keys: Keys;
  readonly audience: Audience;
  readonly events: Readonly<Record<Events, EventDefinition>>;
  readonly payload: Field<Payload>;
}

/** The SQL names of a table's primary key: as named, as drizzle knows it, or `id`. */
function primaryKeyOf(table: PgTable, named?: readonly string[]): readonly string[] {
  const properties = getTableColumns(table);
  const all = Object.values(properties);
  const composite = getTableConfig(table).primaryKeys[0]?.columns.map((column) => column.name);
  const single = all.filter((column) => column.primary).map((column) => column.name);
  const names =
    named?.map((property) => properties[property]?.name) ??
    composite ??
    (single.length > 0 ? single : undefined);
  const found = names ?? all.filter((column) => column.name === 'id').map((column) => column.name);
  if (found.length === 0 || found.some((name) => name === undefined)) {
    throw new Error(`name the primary key of ${getTableName(table)}`);
  }
  return found as string[];
}

/**
 * Defines a family of events over a table; `events` keep their order when one change makes several.
 * @throws Error when a membership is not whole, or the primary key is not known
 */
export function family<
  const Name extends string,
  T extends PgTable,
  Keys extends Fields,
  const Events extends string,
  Payload,
>(
  name: Name,
  definition: {
    table: T;
    /** By property; what drizzle knows, or `id`, unless given. */
    primaryKey?: readonly Property<T>[];
    keys: Keys;
    audience: Audience;
    events: Readonly<Record<Events, Transition | EventDefinition>>;
    payload: Field<Payload>;
  },
): Family<Name, Keys, Events, Payload> {
  const events = Object.entries<Transition | EventDefinition>(definition.events).map(
    ([type, event]) => [type, 'transition' in event ? event : { transition: event }] as const,
  );
  const made = {
    name,
    table: tableRef(definition.table),
    primaryKey: primaryKeyOf(definition.table, definition.primaryKey),
    keys: definition.keys,
    audience: definition.audience,
    events: Object.fromEntries(events) as Readonly<Record<Events, EventDefinition>>,
    payload: definition.payload,
  };
  requireWholeMemberships(made);
  return made;
}

/** An event of the family that is a transition of another table's row, which points at the family's row by `by`. */
export function related<T extends PgTable>(
  table: T,
  relation: { primaryKey?: readonly Property<T>[]; by: Property<T>; player?: Property<T> },
  transition: Transition,
  effect?: Effect,
): EventDefinition {
  const columnName = (property: string) => columnOf(table, property).name;
  return {
    transition,
    relation: {
      table: tableRef(table),
      primaryKey: primaryKeyOf(table, relation.primaryKey),
      by: columnName(relation.by),
      ...(relation.player !== undefined && playerOf(table, relation.player)),
    },
    ...(effect && { effect }),
  };
}

function playerOf(table: PgTable, property: string): Pick<Relation, 'player' | 'playerType'> {
  const column = columnOf(table, property);
  const type = column.getSQLType();
  return { player: column.name, ...(!isText(type) && { playerType: type }) };
}

/** Rooms follow rows: whoever a row puts into a room, its end must take out again. */
function requireWholeMemberships(family: Family): void {
  const memberships = Object.entries(family.events).filter(
    ([, event]) => event.relation?.player !== undefined,
  );
  if (memberships.length === 0) return;
  if (family.audience.kind !== 'room') {
    throw new Error(
      `"${family.name}" has members, so its audience must be a room: room(…) or roomThrough(…)`,
    );
  }
  const known = { join: 'inserted', leave: 'deleted', close: undefined } as const;
  for (const [type, { transition, effect }] of memberships) {
    const wanted = effect === undefined ? undefined : known[effect];
    if (wanted !== transition.kind) {
      throw new Error(
        `"${type}" is of a membership: write inserted() with 'join', or deleted() with 'leave'`,
      );
    }
  }
  if (memberships.length !== 2 || memberships[0]?.[1].effect === memberships[1]?.[1].effect) {
    throw new Error(`"${family.name}" needs one event for joining and one for leaving`);
  }
}

/** Columns whose change may end somebody's right to a room: the holders are written to the log beside the change. */
export interface RightsWatch {
  readonly table: TableRef;
  /** The column that names the lobby. */
  readonly room: string;
  readonly columns: readonly string[];
  /** The column that names the one who has a right by this row: null there ends none, and deletion ends its. */
  readonly holder?: string;
}

/** Where lobbies are, who takes part in them and who mediates: what is read of them beside events. SQL names. */
export interface LobbyTables {
  readonly lobbies: {
    readonly table: TableRef;
    readonly id: string;
    readonly code: string;
    readonly visibility: string;
  };
  readonly participants: {
    readonly table: TableRef;
    readonly lobby: string;
    readonly player: string;
    readonly joinedAt: string;
  };
  readonly contracts: { readonly table: TableRef; readonly lobby: string; readonly mediator: string };
}

/** Says by property which columns a right rests on; see `RightsWatch`. */
export function watchRights<T extends PgTable>(
  table: T,
  options: {
    room: keyof T['_']['columns'] & string;
    columns: readonly (keyof T['_']['columns'] & string)[];
    holder?: keyof T['_']['columns'] & string;
  },
): RightsWatch {
  const properties = getTableColumns(table);
  const name = (property: string) => properties[property]?.name ?? property;
  return {
    table: tableRef(table),
    room: name(options.room),
    columns: options.columns.map(name),
    ...(options.holder !== undefined && { holder: name(options.holder) }),
  };
}

/** `data` of one event of a family: narrows on `type`. */
export type DataOf<F> =
  F extends Family<string, infer Keys, infer Events, infer Payload>
    ? {
        [Type in Events]: { readonly type: Type } & ObjectOf<Keys> & {
            readonly timestamp: string;
            readonly payload: Payload;
          };
      }[Events]
    : never;

/** The message a raw client receives for an event of a family. */
export type MessageOf<F> =
  F extends Family<infer Name, Fields, string, unknown>
    ? { readonly type: Name; readonly data: DataOf<F> }
    : never;
