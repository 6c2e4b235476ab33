/** What to run before a commit: lint and types side by side, then all tests but the long ones. Exit code 1 if any failed. */
import { spawn } from 'node:child_process';

const startedAt = Date.now();

/** Its output is kept until it ends, so that two at once do not mix. */
function run(name, stdio) {
  const child = spawn('npm', ['run', '--silent', name], { stdio, shell: process.platform === 'win32' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      process.stdout.write(output);
      console.log(
        `${code === 0 ? 'ok' : 'FAILED'}: ${name}, ${Math.round((Date.now() - startedAt) / 1000)} s`,
      );
      resolve(code === 0);
    });
  });
}

const apart = ['ignore', 'pipe', 'pipe'];
const still = await Promise.all([run('lint', apart), run('types', apart)]);
const tests = await run('test:quick', 'inherit');
process.exit([...still, tests].every(Boolean) ? 0 : 1);
