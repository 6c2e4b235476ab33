/**
 * Prints "PASSED FAILED" of a Vitest JSON report:
 *
 *   node scripts/count-tests.mjs report.json EXIT_CODE
 *
 * A file that could not be run counts as a failed test, and so does a run that failed without a failed test.
 */
import { existsSync, readFileSync } from 'node:fs';

const [path, exitCode] = process.argv.slice(2);
let passed = 0;
let failed = 0;
if (existsSync(path)) {
  for (const { status, assertionResults } of JSON.parse(readFileSync(path, 'utf8')).testResults) {
    const failedHere = assertionResults.filter((test) => test.status !== 'passed').length;
    passed += assertionResults.length - failedHere;
    failed += status !== 'passed' && failedHere === 0 ? 1 : failedHere;
  }
}
if (failed === 0 && (exitCode !== '0' || passed === 0)) failed = 1;
console.log(`${passed} ${failed}`);
