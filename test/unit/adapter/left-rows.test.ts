import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LeftRows } from '../../../src/adapter/left-rows.js';
import { LineLostError } from '../../../src/adapter/line.js';

const remove = vi.fn<() => Promise<void>>();
const onError = vi.fn();
let rows: LeftRows;

beforeEach(() => {
  vi.useFakeTimers();
  remove.mockReset().mockResolvedValue();
  onError.mockReset();
  rows = new LeftRows({ keptMs: 100, remove, onError });
});
afterEach(() => void vi.useRealTimers());

it('asks once for what was left, when it is old enough, and no more', async () => {
  rows.left();
  await vi.advanceTimersByTimeAsync(99);
  expect(remove).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(remove).toHaveBeenCalledTimes(1);
});

it('asks again for what was left since', async () => {
  rows.left();
  await vi.advanceTimersByTimeAsync(60);
  rows.left();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(remove).toHaveBeenCalledTimes(2);
});

it('asks again when the connection was lost, and tells any other error', async () => {
  remove.mockRejectedValueOnce(new LineLostError()).mockRejectedValueOnce(new Error('no rights'));
  rows.left();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(remove).toHaveBeenCalledTimes(2);
  expect(onError.mock.calls).toEqual([[new Error('no rights')]]);
});

it('asks nothing once it is closed, whatever becomes of the question that is under way', async () => {
  remove.mockImplementation(() => {
    rows.close();
    return Promise.reject(new LineLostError());
  });
  rows.left();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(remove).toHaveBeenCalledTimes(1);
});
