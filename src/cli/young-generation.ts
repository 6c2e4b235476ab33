/**
 * Keeps V8's young generation at the megabyte it begins with, in processes of our own.
 *
 * V8 lets it grow to 32 MiB, with Node 24 to 128: memory that is kept for the next burst, and that is more than a processor's
 * cache holds, so that what is made and dropped again for each event goes through memory. Measured in one run each: an idle
 * connection adds 10 KiB to the process instead of 14, the process begins with 62 MiB instead of 94, and what fans out is as fast
 * or faster. Set while the process runs, for a program has no say in the arguments of its interpreter; whoever gives V8 sizes of
 * their own, in NODE_OPTIONS or to `node`, has them.
 */
import { setFlagsFromString } from 'node:v8';

const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');

if (!/semi[-_]space/.test(given)) setFlagsFromString('--semi-space-growth-factor=1');
