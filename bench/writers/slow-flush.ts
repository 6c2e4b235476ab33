/** Builds the library that makes a disk slow; null where there is no C compiler. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns the library's path, in a folder of its own that the caller removes */
export function buildSlowFlush(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'hashi-flush-'));
  // Postgres may run as another user than we do.
  chmodSync(folder, 0o755);
  const library = join(folder, 'slow-flush.so');
  try {
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, 'bench/writers/slow-flush.c', '-ldl']);
  } catch (error) {
    console.log(
      `the slow disk is left out, for there is no C compiler: ${(error as Error).message.split('\n')[0]}`,
    );
    return null;
  }
  chmodSync(library, 0o755);
  return library;
}
