/** Tells entries that come a second time: a writer that could not know that its first attempt had succeeded made another. */

const rememberedOrigins = 1000;
const rememberedDuplicates = 1000;

export class Seen {
  /** The seqs of entries that came twice, and were passed over the second time. */
  readonly duplicates = new Set<number>();
  /** By origin, the number of what came from there last. */
  private readonly last = new Map<string, number>();

  /** Whether what the origin counts as `n` comes for the first time, at this place in the log. */
  first(origin: string, n: number, seq: number): boolean {
    if (n <= (this.last.get(origin) ?? 0)) {
      this.duplicates.add(seq);
      if (this.duplicates.size > rememberedDuplicates) dropFirst(this.duplicates);
      return false;
    }
    // Set anew, so that whoever has been silent longest is forgotten first.
    this.last.delete(origin);
    this.last.set(origin, n);
    if (this.last.size > rememberedOrigins) dropFirst(this.last);
    return true;
  }
}

function dropFirst(from: Map<string, number> | Set<number>): void {
  const { value } = from.keys().next();
  if (value !== undefined) from.delete(value as never);
}
