/** Turns the catalogue into the trigger functions that write the log: one readable SQL file a table. */
import type { TableRef } from './define.js';
import type { EventDefinition, Family, Relation, RightsWatch } from './family.js';
import type { Catalog } from './index.js';
import { functionNameOf } from './function-name.js';
import {
  audienceSql,
  block,
  ident,
  literal,
  messageSql,
  qualified,
  type MessageSql,
  type Rows,
} from './sql.js';
import { differs, operationLines, updateLines } from './transitions.js';

/** The trigger function of one table. */
export interface TableTrigger {
  readonly table: TableRef;
  readonly functionName: string;
  /** `create or replace function …`, with its comment and revoked from PUBLIC. */
  readonly functionSql: string;
}

/** The part of a table's function that belongs to one family. */
interface Section {
  readonly family: Family;
  readonly relation: Relation | undefined;
  readonly events: readonly (readonly [type: string, event: EventDefinition])[];
}

const key = (table: TableRef) => `${table.schema}.${table.name}`;

function sectionsOf(catalog: Catalog, table: TableRef): Section[] {
  return catalog.families.flatMap((family) => {
    const events = Object.entries(family.events).filter(
      ([, event]) => key(event.relation?.table ?? family.table) === key(table),
    );
    return events.length > 0 ? [{ family, relation: events[0]?.[1].relation, events }] : [];
  });
}

/** Every table the catalogue watches, in its order. Rights are watched on tables of families alone. */
export function watchedTables(catalog: Catalog): TableRef[] {
  const tables = new Map<string, TableRef>();
  for (const family of catalog.families) {
    tables.set(key(family.table), family.table);
    for (const { relation } of Object.values(family.events)) {
      if (relation) tables.set(key(relation.table), relation.table);
    }
  }
  for (const { table } of catalog.rights) tables.set(key(table), table);
  return [...tables.values()];
}

/** By operation, the most frequent one first: what is not reached is not compiled either. */
function operationsSql({ events }: Section, watch: RightsWatch | undefined): string {
  const branch = (...lines: string[]) =>
    (lines.length > 0 ? lines : ['null;']).map((line) => `      ${line}`);
  const rights = watch ? rightsLines(watch) : { update: [], delete: [] };
  return [
    `    if tg_op = 'UPDATE' then`,
    ...branch(...rights.update, ...updateLines(events)),
    `    elsif tg_op = 'INSERT' then`,
    ...branch(...operationLines(events, 'INSERT')),
    `    else`,
    // A variable of its own would be a copy of the row at every change.
    ...branch(...rights.delete, 'new := old;', ...operationLines(events, 'DELETE')),
    `    end if;`,
  ].join('\n');
}

/** A membership that moves to another lobby or player is a left and a joined: two rounds, the old row's first. */
function membershipSql(section: Section, relation: Relation): string {
  const typeOf = (effect: string) =>
    literal(section.events.find(([, event]) => event.effect === effect)?.[0] ?? '');
  const columns = [relation.by, relation.player ?? relation.by].map(ident);
  const moved = columns.map((column) => `new.${column} is distinct from old.${column}`).join(' or ');
  return [
    `    if leaving then`,
    `      if tg_op = 'INSERT' then continue; end if;`,
    `      if tg_op = 'UPDATE' and not (${moved}) then return null; end if;`,
    `      changed := old; events := events || text ${typeOf('leave')}; effect := 'leave';`,
    `    else`,
    `      if tg_op = 'DELETE' then continue; end if;`,
    `      changed := new; events := events || text ${typeOf('join')}; effect := 'join';`,
    `    end if;`,
    `    member := changed.${ident(relation.player ?? relation.by)};`,
  ].join('\n');
}

const roomPrefix = ({ audience }: Family) => (audience.kind === 'room' ? `${audience.prefix}:` : '');

const indented = (text: string, by: number) => text.replaceAll('\n', `\n${' '.repeat(by)}`);

function rowsOf({ relation }: Section): Rows {
  const changed = relation?.player === undefined ? 'new' : 'changed';
  return { subject: relation ? 'subject' : changed, changed: relation ? changed : null };
}

/** @param several whether the function has other sections, which set the same variables */
function messageOf(section: Section, several: boolean): MessageSql {
  return messageSql(section.family, rowsOf(section), several || section.relation?.player !== undefined);
}

/** The columns of the log that the section's events fill, and what with; the others are null. */
function columnsOf(section: Section): ReadonlyMap<string, string> {
  const { family, relation, events } = section;
  const { room, player } = audienceSql(family.audience, rowsOf(section));
  const membership = relation?.player !== undefined;
  const also = !relation && Object.values(family.events).some((event) => event.alsoPlayer !== undefined);
  const closes = events.some(([, { effect }]) => effect === 'close');
  return new Map([
    ...(room === 'null' ? [] : ([['room', family.audience.kind === 'everyone' ? room : 'room']] as const)),
    ...(player !== 'null' || also ? ([['player', 'player']] as const) : []),
    ...(membership || closes ? ([['effect', 'effect']] as const) : []),
    ...(membership ? ([['member', 'member']] as const) : []),
  ]);
}

function bodySql(section: Section, message: MessageSql): string {
  const { family, relation } = section;
  const rows = rowsOf(section);
  const changed = rows.changed ?? rows.subject;
  const audience = audienceSql(family.audience, rows);
  const also = Object.values(family.events).find((event) => event.alsoPlayer)?.alsoPlayer;
  const find = relation && [
    `      select * into subject from ${qualified(family.table)} t where t.${ident(family.primaryKey[0] ?? 'id')} = ${changed}.${ident(relation.by)};`,
    ...(relation.player === undefined
      ? [`      if not found then events := '{}'; end if;`]
      : [
          `      if not found then`,
          `        -- The lobby is gone, and its memberships with it: its own event closes the room.`,
          `        events := '{}';`,
          `        insert into realtime.events (type, room, effect, member, occurred_at)`,
          `        values ('realtime.ended', ${literal(roomPrefix(family))} || ${changed}.${ident(relation.by)}, 'ended', member, at);`,
          `      end if;`,
        ]),
    `    end if;`,
    `    if cardinality(events) > 0 then`,
  ];
  return [
    `    if cardinality(events) > 0 then`,
    ...(find ?? []),
    ...(columnsOf(section).get('room') === 'room' ? [`      room := ${audience.room};`] : []),
    ...(audience.player === 'null' ? [] : [`      player := ${audience.player};`]),
    ...(also && !relation ? [`      if tg_op = 'INSERT' then player := new.${ident(also)}; end if;`] : []),
    `      ${indented(message.statements, 6)}`,
    `    end if;`,
  ].join('\n');
}

/** What becomes of a change whose event cannot be built: it takes its place in the log, and the write goes on. */
function quarantineSql(
  { family, relation }: Section,
  table: TableRef,
  watch: RightsWatch | undefined,
): string {
  const primaryKey = relation?.primaryKey ?? family.primaryKey;
  const { audience } = family;
  const direct = audience.kind === 'room' && !audience.through;
  const roomColumn = direct ? (relation ? relation.by : audience.column) : null;
  const room =
    roomColumn && direct ? `${literal(`${audience.prefix}:`)} || (broken->>${literal(roomColumn)})` : 'null';
  const player = relation?.player ? `broken->>${literal(relation.player)}` : 'null';
  const closing = Object.values(family.events).some((event) => event.effect === 'close');
  const effect = relation?.player
    ? `'reset'`
    : closing && !relation
      ? `case when tg_op = 'DELETE' then 'close' end`
      : 'null';
  return [
    `  exception`,
    `    when data_exception or syntax_error_or_access_rule_violation or internal_error`,
    `      or cardinality_violation or feature_not_supported or program_limit_exceeded then`,
    `      get stacked diagnostics failure = message_text, state = returned_sqlstate;`,
    // Of a membership that moves, each round is about its own row.
    relation?.player === undefined
      ? `      broken := to_jsonb(coalesce(new, old));`
      : `      broken := case when leaving then to_jsonb(old) else to_jsonb(new) end;`,
    `      perform realtime.quarantine(`,
    `        ${literal(family.name)}, ${literal(key(table))}, tg_op, broken, array[${primaryKey.map(literal).join(', ')}],`,
    `        ${room}, ${effect}, ${player}, state, failure, events`,
    `      );`,
    `      events := '{}';`,
    ...(watch
      ? [`      if tg_op <> 'INSERT' then ending := to_jsonb(old)->>${literal(watch.room)}; end if;`]
      : []),
    `  end;`,
  ].join('\n');
}

function emitSql(section: Section): string {
  const columns = columnsOf(section);
  return [
    `  foreach event in array events loop`,
    `    insert into realtime.events (${['type', ...columns.keys(), 'data', 'occurred_at'].join(', ')})`,
    `    values (event, ${[...columns.values()].join(', ')}, '{"type":"' || event || '",' || body, at);`,
    `  end loop;`,
  ].join('\n');
}

function sectionSql(
  section: Section,
  message: MessageSql,
  table: TableRef,
  watch: RightsWatch | undefined,
): string {
  const { family, relation } = section;
  const membership = relation?.player === undefined ? undefined : relation;
  const lines = [
    `  events := '{}';`,
    ...(columnsOf(section).has('effect') && !membership ? [`  effect := null;`] : []),
    `  begin`,
    membership ? membershipSql(section, membership) : operationsSql(section, watch),
    bodySql(section, message),
    quarantineSql(section, table, watch),
    emitSql(section),
  ].join('\n');
  const title = `  -- ${family.name}`;
  if (!membership) return `${title}\n${lines}`;
  return `${title}\n  foreach leaving in array array[true, false] loop\n  ${indented(lines, 2)}\n  end loop;`;
}

/** Note the lobby whose rights a change may end; told after the events, see `realtime.tell_rights`. */
function rightsLines({ room, columns, holder }: RightsWatch): Record<'update' | 'delete', string[]> {
  const note = `ending := old.${ident(room)}::text;`;
  const moved = `if ${columns.map(differs).join(' or ')} then ${note} end if;`;
  if (holder === undefined) return { update: [moved], delete: [] };
  const held = `if old.${ident(holder)} is not null then`;
  return { update: [held, `  ${moved}`, 'end if;'], delete: [`${held} ${note} end if;`] };
}

/** The trigger function of one watched table. */
export function tableTrigger(catalog: Catalog, table: TableRef): TableTrigger {
  const sections = sectionsOf(catalog, table);
  const watch = catalog.rights.find((rights) => key(rights.table) === key(table));
  const functionName = functionNameOf(table);
  const parts = sections.map((section) => ({ section, message: messageOf(section, sections.length > 1) }));
  const found = new Set(parts.flatMap(({ message }) => message.variables));
  const functionSql = `-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of ${key(table)} to the log, in the transaction of the change.
create or replace function ${functionName}() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set jit = off
as $trigger$
<<${block}>>
declare
  at constant timestamptz := clock_timestamp();
${sections.some(({ relation }) => relation?.player !== undefined) ? '  changed record;\n' : ''}  subject record;
  events text[];
  event text;
  room text;
  player text;
  effect text;
  member text;
  body text;
${[...found].map((variable) => `  ${variable} text;\n`).join('')}  leaving boolean;
  ending text;
  broken jsonb;
  failure text;
  state text;
begin
  if tg_op <> 'UPDATE' then
    if tg_op = 'TRUNCATE' then
      insert into realtime.events (type, room, effect, occurred_at)
      values ('realtime.truncated', '*', ${sections.some((section) => isMembershipTable(catalog, section, table)) ? `'reset'` : 'null'}, at);
      return null;
    end if;
    -- A dump that is being loaded: every one of pg_dump's begins with these settings, and none has an UPDATE.
    if current_setting('row_security') = 'off' and current_setting('check_function_bodies') = 'off' then
      perform realtime.restoring();
      return null;
    end if;
  end if;
${parts.map(({ section, message }, index) => sectionSql(section, message, table, index === 0 ? watch : undefined)).join('\n')}${
    watch
      ? `\n  -- a right to subscribe may have ended\n  if ending is not null then perform realtime.tell_rights(ending); end if;`
      : ''
  }
  return null;
end
$trigger$;
revoke all on function ${functionName}() from public;
`;
  return { table, functionName, functionSql };
}

/** Truncating one of these empties rooms. */
function isMembershipTable(catalog: Catalog, section: Section, table: TableRef): boolean {
  return (
    section.relation?.player !== undefined ||
    Object.values(section.family.events).some(
      (event) => event.relation?.player !== undefined && key(section.family.table) === key(table),
    )
  );
}
