/** The catalogue: every event this server knows. */
import { bounty } from './bounty.js';
import { contract } from './contract.js';
import type { DataOf, Family, LobbyTables, MessageOf, RightsWatch } from './family.js';
import { lobby, lobbyTables, subscriptionRights } from './lobby.js';
import { storage } from './storage.js';

/** Which events there are, and what else is read of the tables: triggers, checks and queries are made from it. */
export interface Catalog {
  readonly families: readonly Family[];
  readonly rights: readonly RightsWatch[];
  /** Absent: there are no lobbies, and nothing to subscribe to. */
  readonly lobbies?: LobbyTables;
  /** The documented tables have other names here: they are there already, and never made. */
  readonly mapped?: true;
}

export { bounty, contract, lobby, storage };
export * from './define.js';
export * from './family.js';
export { table, type ColumnType } from './plain.js';
export { mapCatalog, type Mapping, type TableMapping } from './mapping.js';

/** The documented catalogue: contracts, lobbies, storage and bounties over the documented tables. */
export const catalog: Catalog = {
  families: [contract, lobby, storage, bounty],
  rights: subscriptionRights,
  lobbies: lobbyTables,
};

/** `data` of any event: a union that narrows on `type`. */
export type HashiEvent =
  DataOf<typeof contract> | DataOf<typeof lobby> | DataOf<typeof storage> | DataOf<typeof bounty>;
/** The name of a documented event: `contract.created`, `lobby.joined`, … */
export type HashiEventType = HashiEvent['type'];

/** Any message that carries an event: a union that narrows on `type`. */
export type HashiMessage =
  MessageOf<typeof contract> | MessageOf<typeof lobby> | MessageOf<typeof storage> | MessageOf<typeof bounty>;

/** The family of every event type. */
export function familiesByEvent(from: Catalog): ReadonlyMap<string, Family> {
  return new Map(
    from.families.flatMap((family) => Object.keys(family.events).map((type) => [type, family] as const)),
  );
}

/** Tables whose rows put players into rooms. */
export function membershipTables(from: Catalog) {
  return from.families.flatMap(({ audience, events }) => {
    const relation = Object.values(events).find((event) => event.relation?.player !== undefined)?.relation;
    if (relation?.player === undefined || audience.kind !== 'room') return [];
    const { table, by, player, playerType } = relation;
    return [{ prefix: audience.prefix, table, room: by, player, ...(playerType && { playerType }) }];
  });
}
