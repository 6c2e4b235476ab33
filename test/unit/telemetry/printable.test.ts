import { expect, it } from 'vitest';
import { printable, printableLines } from '../../../src/telemetry/printable.js';

const tricks = '\u001b[2J\u009b1A\u0007\b\u007f\r\u2028\u202e';
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/;

it('escapes what steers a terminal, and leaves every other text as it is', () => {
  expect(printable(`a${tricks}\nb`)).toBe('a\\u001b[2J\\u009b1A\\u0007\\b\\u007f\\r\\u2028\\u202e\\nb');
  expect(printable('Grüße, 日本 👩‍👩‍👧 \\n "x"')).toBe('Grüße, 日本 👩‍👩‍👧 \\n "x"');
});

it('keeps line breaks and colours of lines, and JSON the same', () => {
  expect(printableLines('\u001b[31mred\u001b[0m\nnext\n')).toBe('\u001b[31mred\u001b[0m\nnext\n');
  const text = JSON.stringify({ [tricks]: tricks, list: ['\n', '"'] }, undefined, 2);
  expect(printableLines(text)).not.toMatch(steering);
  expect(JSON.parse(printableLines(text))).toEqual(JSON.parse(text));
});
