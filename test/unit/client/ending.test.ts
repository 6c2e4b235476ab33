import { expect, it } from 'vitest';
import { ending } from '../../../src/client/ending.js';
import { closeCodeOf, errorMessages } from '../../../src/errors.js';

it('knows the errors that a close follows, and no others', () => {
  const codes = Object.keys(errorMessages);
  expect(codes.filter((code) => ending.test(code))).toEqual(codes.filter((code) => code in closeCodeOf));
});
