/** Who may hold a subscription to a lobby without being its participant. */

export interface Rights {
  readonly public: boolean;
  readonly mediators: ReadonlySet<string>;
}

export const noRights: Rights = { public: false, mediators: new Set() };

/** Reads what `realtime.tell_rights` wrote; what cannot be read grants nothing. */
export function parseRights(data: string | null): Rights {
  if (data === null) return noRights;
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== 'object' || value === null) return noRights;
    const mediators = 'mediators' in value && Array.isArray(value.mediators) ? value.mediators : [];
    return {
      public: 'public' in value && value.public === true,
      mediators: new Set(mediators.filter((player): player is string => typeof player === 'string')),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return noRights;
    throw error;
  }
}

export const mayHold = (rights: Rights, playerId: string): boolean =>
  rights.public || rights.mediators.has(playerId);
