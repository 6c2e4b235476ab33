/** Writes a file of the data directory so that a reader sees the old content or the new, never a half. */
import { randomUUID } from 'node:crypto';
import { chmod, chown, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Root leaves files to whoever owns the directory, so that they can go on without root. */
export async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode });
  await chmod(draft, mode);
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(dirname(path));
    await chown(draft, uid, gid);
  }
  await rename(draft, path);
}
