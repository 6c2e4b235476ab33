/** Finds the setting that a misspelt name was probably meant to be. */

/** @returns the known name with the fewest edits, prefixes left aside, or undefined when none is close */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = withoutPrefix(name);
  let best: { name: string; edits: number } | undefined;
  for (const candidate of known) {
    const edits = editDistance(wanted, withoutPrefix(candidate));
    if (best === undefined || edits < best.edits) best = { name: candidate, edits };
  }
  if (best === undefined) return undefined;
  // More than half of it rewritten is another name, not a misspelt one.
  const length = Math.max(wanted.length, withoutPrefix(best.name).length);
  return best.edits <= length / 2 ? best.name : undefined;
}

// HASHI_PORT means PORT, AUTH_TIMEOUT_MS means HASHI_AUTH_TIMEOUT_MS: the prefix is the part people get wrong.
function withoutPrefix(name: string): string {
  return name.toUpperCase().replace(/^HASHI_/, '');
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replace = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replace, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
