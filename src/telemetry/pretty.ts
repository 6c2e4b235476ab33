/** Writes a log entry as one line for people: time, level, message, then what came with it. */
import { printable } from './printable.js';

const colors: Readonly<Record<string, string>> = {
  trace: '\x1b[90m',
  debug: '\x1b[36m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
  fatal: '\x1b[41m',
};
const dim = '\x1b[90m';
const plain = '\x1b[0m';

/** @param entry a parsed and scrubbed line of pino; only error stacks make further lines */
export function prettyLine(entry: Readonly<Record<string, unknown>>, color: boolean): string {
  const { time, level, msg, err, ...rest } = entry;
  const paint = (code: string, text: string) => (color && text !== '' ? `${code}${text}${plain}` : text);
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const word = typeof level === 'string' ? level : 'info';
  const extras = Object.entries(rest)
    .filter(([key]) => key !== 'pid' && key !== 'hostname')
    .map(([key, value]) => `${key}=${shown(value)}`);
  const error = isRecord(err) ? err : undefined;
  if (error !== undefined && error['message'] !== msg) {
    extras.unshift(`err=${shown(error['code'] ?? error['type'])} ${shown(error['message'])}`);
  }
  const head = [
    paint(dim, clock),
    paint(colors[word] ?? '', word.toUpperCase().padEnd(5)),
    // A message may hold what a client sent: it must not steer the terminal or start a line of its own.
    typeof msg === 'string' ? printable(msg.replaceAll('\t', ' ')) : '',
    paint(dim, extras.join(' ')),
  ];
  return [head.filter((part) => part !== '').join(' '), ...stackLines(error)].join('\n');
}

function stackLines(error: Readonly<Record<string, unknown>> | undefined): string[] {
  if (error === undefined) return [];
  const stack = typeof error['stack'] === 'string' ? error['stack'] : '';
  const frames = stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => `    ${printable(line.trim())}`);
  const cause = error['cause'];
  if (!isRecord(cause)) return frames;
  return [...frames, `  caused by ${shown(cause['type'])}: ${shown(cause['message'])}`, ...stackLines(cause)];
}

function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@*-]+$/.test(value)) return value;
  return printable(JSON.stringify(value) ?? 'undefined');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
