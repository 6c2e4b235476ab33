import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Progress } from '../../../src/cli/progress.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function shown(isTTY: boolean) {
  let text = '';
  const output = { isTTY, write: (more: string) => (text += more) };
  return { progress: new Progress(output, () => Date.now()), text: () => text };
}

it('writes one line over and over on a terminal, and leaves none behind', async () => {
  const { progress, text } = shown(true);
  let percent = 0;
  progress.say('[1/2] first');
  progress.begin(async () => `${(percent += 10)} %`);
  await vi.advanceTimersByTimeAsync(2000);
  progress.say('[2/2] second');
  progress.begin();
  await vi.advanceTimersByTimeAsync(61_000);
  progress.end();
  expect(text().split('\r\u001b[K')).toEqual([
    '[1/2] first\n',
    '      1 s, 10 %',
    '      2 s, 20 %',
    '[2/2] second\n',
    ...Array.from({ length: 59 }, (_, n) => `      ${n + 1} s`),
    '      1 min 0 s',
    '      1 min 1 s',
    '',
  ]);
});

it('writes a plain line every ten seconds elsewhere, and none for what is soon done', async () => {
  const { progress, text } = shown(false);
  progress.say('[1/2] first');
  progress.begin(() => 'building an index');
  await vi.advanceTimersByTimeAsync(9_000);
  progress.say('[2/2] second');
  progress.begin(() => 'building an index');
  await vi.advanceTimersByTimeAsync(25_000);
  progress.end();
  await vi.advanceTimersByTimeAsync(25_000);
  expect(text()).toBe(
    '[1/2] first\n[2/2] second\n      10 s, building an index\n      20 s, building an index\n',
  );
});

it('says how long it has been when nothing else can be found out', async () => {
  const { progress, text } = shown(false);
  progress.begin(() => Promise.reject(new Error('no rights')));
  await vi.advanceTimersByTimeAsync(10_000);
  progress.end();
  expect(text()).toBe('      10 s\n');
});
