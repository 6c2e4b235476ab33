/** Counts connections of all workers, in the primary process: a limit of an instance holds for all of it. */

/** What there is a limited number of: all connections, those of an address, those of a player. */
export interface Place {
  readonly name: string;
  readonly most: number;
}

/** A connection that asks for places: for each of them, or for none. */
export interface Claim {
  readonly places: readonly Place[];
  /** The Socket.IO session it has. */
  readonly session?: string | undefined;
  /** The session it takes up: whoever has that has not noticed its end yet, and leaves it the place. */
  readonly takesUp?: string | undefined;
}

/** A worker's view: asked once a connection, answered after one message to the primary and back. */
export interface SharedPlaces {
  /**
   * Resolves with what gives the places up again, or with the name of the place that is taken.
   * @param onDisplaced called when another connection takes up the session
   */
  take(
    claim: Claim,
    onDisplaced?: () => void,
  ): Promise<{ readonly leave: () => void } | { readonly full: string }>;
}

/** A claim that was granted; the number is the worker's own. */
export interface Held {
  readonly worker: number;
  readonly id: number;
  readonly claim: Claim;
}

export class Places {
  private readonly byName = new Map<string, Set<Held>>();
  private readonly byWorker = new Map<number, Map<number, Held>>();

  /** @returns whose session is taken up, which are to end; or the name of the first place that is not to be had */
  take(
    worker: number,
    id: number,
    claim: Claim,
  ): { readonly displaced: readonly Held[] } | { readonly full: string } {
    const displaced = new Set<Held>();
    for (const { name, most } of claim.places) {
      const holders = this.byName.get(name);
      if (!holders) continue;
      const ending = claim.takesUp === undefined ? [] : holdersOf(claim.takesUp, holders);
      if (holders.size - ending.length >= most) return { full: name };
      for (const held of ending) displaced.add(held);
    }
    const held = { worker, id, claim };
    for (const { name } of claim.places) {
      const holders = this.byName.get(name);
      if (holders) holders.add(held);
      else this.byName.set(name, new Set([held]));
    }
    const own = this.byWorker.get(worker);
    if (own) own.set(id, held);
    else this.byWorker.set(worker, new Map([[id, held]]));
    return { displaced: [...displaced] };
  }

  give(worker: number, id: number): void {
    const own = this.byWorker.get(worker);
    const held = own?.get(id);
    if (!held) return;
    own?.delete(id);
    this.release(held);
  }

  /** A worker has ended, and all of its connections with it. */
  forget(worker: number): void {
    for (const held of this.byWorker.get(worker)?.values() ?? []) this.release(held);
    this.byWorker.delete(worker);
  }

  private release(held: Held): void {
    for (const { name } of held.claim.places) {
      const holders = this.byName.get(name);
      holders?.delete(held);
      if (holders?.size === 0) this.byName.delete(name);
    }
  }
}

const holdersOf = (session: string, holders: ReadonlySet<Held>): Held[] =>
  [...holders].filter(({ claim }) => claim.session === session);
