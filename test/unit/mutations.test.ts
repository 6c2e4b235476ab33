/** The mutation check finds the code it changes: a defence that has moved is still one that is taken away. */
import { access, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { allMutations } from '../mutations/all.js';

const root = new URL('../../', import.meta.url);

it('knows the text of every defence, once in its file, and a test for each', async () => {
  const lost: string[] = [];
  for (const { name, file, from, test } of allMutations) {
    const text = await readFile(new URL(file, root), 'utf8');
    if (text.split(from).length !== 2) lost.push(`${name}: ${file}`);
    await access(new URL(test, root)).catch((_gone: unknown) => lost.push(`${name}: ${test}`));
  }
  expect(lost).toEqual([]);
  expect(new Set(allMutations.map(({ name }) => name)).size).toBe(allMutations.length);
});
