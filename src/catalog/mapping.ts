/** Other names for the documented tables and columns, where services call them something else. */
import type { PgTable } from 'drizzle-orm/pg-core';
import { getTableColumns } from 'drizzle-orm';
import {
  bounties,
  contractPlayers,
  contracts,
  lobbies,
  lobbyParticipants,
  storage,
} from '../database/schema.js';
import { OperatorError } from '../errors.js';
import type { Audience, Fields, FieldSource, Hop, TableRef, Transition } from './define.js';
import type { EventDefinition, Family, LobbyTables, RightsWatch } from './family.js';
import type { Catalog } from './index.js';

const documentedTables = {
  lobbies,
  lobby_participants: lobbyParticipants,
  contracts,
  contract_players: contractPlayers,
  storage,
  bounties,
};
type DocumentedTables = typeof documentedTables;
type ColumnName<T extends PgTable> = Extract<T['_']['columns'][keyof T['_']['columns']]['_']['name'], string>;

/** What one documented table and its columns are called. */
export interface TableMapping<Column extends string = string> {
  /** `agreements`, or with a schema of its own `game.agreements`; the documented name unless given. */
  readonly name?: string;
  /** Columns with another name, by the documented one: `{ lobby_id: 'room_id' }`. Their types stay as documented. */
  readonly columns?: Partial<Readonly<Record<Column, string>>>;
}

/** What the documented tables are called in a database that has them under other names. Events stay as documented. */
export interface Mapping {
  /** The schema of all tables that name none of their own; `public` unless given. */
  readonly schema?: string;
  /** By the documented name of the table: its name, or its name and those of its columns. */
  readonly tables?: {
    readonly [Name in keyof DocumentedTables]?: string | TableMapping<ColumnName<DocumentedTables[Name]>>;
  };
}

type ColumnNames = Partial<Readonly<Record<string, string>>>;

/** What a table is called, and what its columns are; of tables that are none of the documented ones, what they were. */
interface Names {
  table(table: TableRef): TableRef;
  column(table: TableRef, column: string): string;
}

/**
 * The same catalogue over tables with other names: triggers, checks and queries are all made from the names in it.
 * @throws OperatorError when the mapping names what is not there, or two things the same
 */
export function mapCatalog(catalog: Catalog, mapping: Mapping): Catalog {
  const names = namesOf(mapping);
  return {
    families: catalog.families.map((family) => mapFamily(family, names)),
    rights: catalog.rights.map((watch) => mapRights(watch, names)),
    ...(catalog.lobbies && { lobbies: mapLobbies(catalog.lobbies, names) }),
    mapped: true,
  };
}

function namesOf({ schema = 'public', tables = {} }: Mapping): Names {
  const known = new Map<string, { table: TableRef; columns: ColumnNames }>();
  for (const name of Object.keys(tables)) {
    if (!Object.hasOwn(documentedTables, name)) {
      throw wrong(
        `names the table "${name}": the documented ones are ${list(Object.keys(documentedTables))}`,
      );
    }
  }
  for (const [name, table] of Object.entries(documentedTables)) {
    const given: string | TableMapping | undefined = tables[name as keyof DocumentedTables];
    const { name: called = name, columns = {} } = typeof given === 'string' ? { name: given } : (given ?? {});
    checkColumns(name, table, columns);
    const dot = called.indexOf('.');
    const ref = { schema: dot < 0 ? schema : called.slice(0, dot), name: called.slice(dot + 1) };
    if (ref.schema === '' || ref.name === '') throw wrong(`calls the table "${name}" "${called}"`);
    for (const [other, { table: taken }] of known) {
      if (taken.schema === ref.schema && taken.name === ref.name) {
        throw wrong(`gives the tables "${other}" and "${name}" the same name, ${ref.schema}.${ref.name}`);
      }
    }
    known.set(name, { table: ref, columns });
  }
  const find = ({ schema: of, name }: TableRef) => (of === 'public' ? known.get(name) : undefined);
  return {
    table: (table) => find(table)?.table ?? table,
    column: (table, column) => find(table)?.columns[column] ?? column,
  };
}

function checkColumns(name: string, table: PgTable, columns: ColumnNames): void {
  const documented = Object.values(getTableColumns(table)).map((column) => column.name);
  for (const [column, called] of Object.entries(columns)) {
    if (!documented.includes(column)) {
      throw wrong(`names the column "${column}" of "${name}": the documented ones are ${list(documented)}`);
    }
    if (called === '') throw wrong(`calls the column "${column}" of "${name}" nothing`);
  }
  const after = documented.map((column) => columns[column] ?? column);
  const twice = after.find((column, index) => after.indexOf(column) !== index);
  if (twice !== undefined) throw wrong(`gives two columns of "${name}" the same name, "${twice}"`);
}

const list = (names: readonly string[]) => names.join(', ');
const wrong = (what: string) => new OperatorError(`The mapping in hashi-socket.config ${what}. Correct it.`);

function mapFamily(family: Family, names: Names): Family {
  const { table } = family;
  const relation = Object.values(family.events).find((event) => event.relation)?.relation;
  const inTable = (column: string) => names.column(table, column);
  const events = Object.entries(family.events).map(
    ([type, event]) => [type, mapEvent(event, table, names)] as const,
  );
  const { payload, ...keys } = mapFields(
    { ...family.keys, payload: family.payload },
    table,
    relation?.table,
    names,
  );
  return {
    ...family,
    table: names.table(table),
    primaryKey: family.primaryKey.map(inTable),
    keys,
    audience: mapAudience(family.audience, table, names),
    events: Object.fromEntries(events),
    payload: payload ?? family.payload,
  };
}

function mapEvent(event: EventDefinition, own: TableRef, names: Names): EventDefinition {
  const { transition, relation, alsoPlayer } = event;
  const table = relation?.table ?? own;
  const inTable = (column: string) => names.column(table, column);
  return {
    ...event,
    transition: mapTransition(transition, inTable),
    ...(relation && {
      relation: {
        table: names.table(table),
        primaryKey: relation.primaryKey.map(inTable),
        by: inTable(relation.by),
        ...(relation.player !== undefined && { player: inTable(relation.player) }),
      },
    }),
    ...(alsoPlayer !== undefined && { alsoPlayer: names.column(own, alsoPlayer) }),
  };
}

function mapTransition(transition: Transition, inTable: (column: string) => string): Transition {
  switch (transition.kind) {
    case 'inserted':
    case 'deleted':
      return transition;
    case 'becomes': {
      const { where } = transition;
      return {
        ...transition,
        column: inTable(transition.column),
        ...(where && { where: { ...where, column: inTable(where.column) } }),
      };
    }
    case 'inserted-with':
    case 'set':
    case 'deleted-or-set':
      return { ...transition, column: inTable(transition.column) };
  }
}

function mapAudience(audience: Audience, table: TableRef, names: Names): Audience {
  if (audience.kind === 'everyone') return audience;
  const through = audience.kind === 'room' ? audience.through : undefined;
  return {
    ...audience,
    column: names.column(through?.table ?? table, audience.column),
    ...(through && { through: mapHop(through, table, names) }),
  };
}

/** @param from the table of the row it starts at */
const mapHop = (hop: Hop, from: TableRef, names: Names): Hop => ({
  table: names.table(hop.table),
  key: names.column(hop.table, hop.key),
  by: names.column(from, hop.by),
});

function mapFields(fields: Fields, table: TableRef, changed: TableRef | undefined, names: Names): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [
      key,
      { ...field, source: mapSource(field.source, table, changed, names) },
    ]),
  );
}

function mapSource(
  source: FieldSource,
  table: TableRef,
  changed: TableRef | undefined,
  names: Names,
): FieldSource {
  switch (source.kind) {
    case 'column':
      return { ...source, column: names.column(table, source.column) };
    case 'lookup': {
      const { through } = source;
      return {
        ...source,
        ...mapHop(source, through?.table ?? table, names),
        column: names.column(source.table, source.column),
        ...(through && { through: mapHop(through, table, names) }),
      };
    }
    case 'list':
      return {
        ...source,
        table: names.table(source.table),
        by: names.column(source.table, source.by),
        key: names.column(table, source.key),
        orderBy: names.column(source.table, source.orderBy),
        fields: mapFields(source.fields, source.table, undefined, names),
      };
    case 'count':
      return {
        ...source,
        table: names.table(source.table),
        by: names.column(source.table, source.by),
        key: names.column(table, source.key),
      };
    case 'changed':
      return changed ? { ...source, column: names.column(changed, source.column) } : source;
    case 'object':
      return { ...source, fields: mapFields(source.fields, table, changed, names) };
  }
}

function mapRights(watch: RightsWatch, names: Names): RightsWatch {
  const inTable = (column: string) => names.column(watch.table, column);
  return {
    table: names.table(watch.table),
    room: inTable(watch.room),
    columns: watch.columns.map(inTable),
    ...(watch.holder !== undefined && { holder: inTable(watch.holder) }),
  };
}

function mapLobbies({ lobbies: l, participants: p, contracts: c }: LobbyTables, names: Names): LobbyTables {
  return {
    lobbies: {
      table: names.table(l.table),
      id: names.column(l.table, l.id),
      code: names.column(l.table, l.code),
      visibility: names.column(l.table, l.visibility),
    },
    participants: {
      table: names.table(p.table),
      lobby: names.column(p.table, p.lobby),
      player: names.column(p.table, p.player),
      joinedAt: names.column(p.table, p.joinedAt),
    },
    contracts: {
      table: names.table(c.table),
      lobby: names.column(c.table, c.lobby),
      mediator: names.column(c.table, c.mediator),
    },
  };
}
