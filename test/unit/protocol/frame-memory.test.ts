import { describe, expect, it } from 'vitest';
import { frameMemory, joined, joinedInPassing, keepPassing } from '../../../src/protocol/frame-memory.js';

describe('memory for frames', () => {
  it('is nobody else’s, however large', () => {
    const sizes = Array.from({ length: 3000 }, (_, n) => (n * 37) % 30_000);
    const all = sizes.map((size, n) => frameMemory(size).fill(n % 251));
    all.forEach((bytes, n) => {
      expect(bytes.length).toBe(sizes[n]);
      expect(bytes.every((byte) => byte === n % 251)).toBe(true);
    });
  });

  it('joins any number of buffers, in order', () => {
    expect(joined([]).length).toBe(0);
    const parts = ['a', '', 'bc', 'x'.repeat(20_000), 'd'].map((text) => Buffer.from(text));
    expect(joined(parts).toString()).toBe(`abc${'x'.repeat(20_000)}d`);
    expect(joinedInPassing(parts)).toEqual(joined(parts));
  });

  it('joins in passing into the same memory, until that is kept', () => {
    const [a, b, c] = ['aa', 'b', 'c'.repeat(100_000)].map((text) => [Buffer.from(text)]) as [
      Buffer[],
      Buffer[],
      Buffer[],
    ];
    const first = joinedInPassing(a);
    expect(joinedInPassing(b).buffer).toBe(first.buffer);
    // What is too long for it has memory of its own.
    expect(joinedInPassing(c).buffer).not.toBe(first.buffer);
    expect(joinedInPassing(a).toString()).toBe('aa');
    keepPassing();
    joinedInPassing(b);
    expect(first.toString()).toBe('aa');
  });
});
