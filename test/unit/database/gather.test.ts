import { describe, expect, it } from 'vitest';
import { Gather } from '../../../src/database/gather.js';

/** A query that answers when told to. */
function slowQuery() {
  const asked: { keys: readonly number[]; answer: () => void; fail: (error: Error) => void }[] = [];
  const gather = new Gather<number, string>(
    (keys) =>
      new Promise((resolve, reject) => {
        asked.push({ keys, answer: () => resolve(keys.map((key) => `#${key}`)), fail: reject });
      }),
  );
  return { asked, gather };
}

describe('Gather', () => {
  it('asks once for all that is asked for in the same turn, and answers each with its own', async () => {
    const { asked, gather } = slowQuery();
    const answers = [1, 2, 1].map((key) => gather.ask(key));
    await expect.poll(() => asked.length).toBe(1);
    asked[0]?.answer();
    expect(await Promise.all(answers)).toEqual(['#1', '#2', '#1']);
  });

  it('runs two queries at most, of five hundred at most, and puts what comes meanwhile into the next ones', async () => {
    const { asked, gather } = slowQuery();
    const answers = Array.from({ length: 1700 }, (_, key) => gather.ask(key));
    await expect.poll(() => asked.length).toBe(2);
    asked[0]?.answer();
    await expect.poll(() => asked.length).toBe(3);
    const late = gather.ask(1700);
    asked[1]?.answer();
    await expect.poll(() => asked.length).toBe(4);
    asked[2]?.answer();
    asked[3]?.answer();
    expect((await Promise.all([...answers, late])).at(-1)).toBe('#1700');
    expect(asked.map(({ keys }) => keys.length)).toEqual([500, 500, 500, 201]);
  });

  it('fails those alone whose query failed', async () => {
    const { asked, gather } = slowQuery();
    const failed = gather.ask(1);
    await expect.poll(() => asked.length).toBe(1);
    const fine = gather.ask(2);
    asked[0]?.fail(new Error('away'));
    await expect(failed).rejects.toThrow('away');
    await expect.poll(() => asked.length).toBe(2);
    asked[1]?.answer();
    expect(await fine).toBe('#2');
  });
});
