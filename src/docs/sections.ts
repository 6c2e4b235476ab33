/** The parts of the pages that are made from the catalogue, the settings and the metrics. */
import type { Registry } from 'prom-client';
import type { Catalog, Family } from '../catalog/index.js';
import { settingNames, settings, type Setting } from '../config.js';
import { closeTable, errorTable } from './error-notes.js';
import { exampleOf } from './examples.js';
import { code, fenced, table } from './markdown.js';
import { clientMessages, serverMessages, type DocumentedMessage } from './messages.js';
import { sentTo, whenSent } from './words.js';

export interface Sources {
  readonly catalog: Catalog;
  readonly registry: Registry;
}

/** By the name that stands between `{{` and `}}` in a page. */
export function sectionsOf({ catalog, registry }: Sources): Readonly<Record<string, () => string>> {
  return {
    families: () => familyTable(catalog),
    events: () => catalog.families.map(eventsOf).join('\n\n'),
    errors: errorTable,
    closes: closeTable,
    settings: settingsTable,
    limits: () => limits,
    metrics: () => metricsTable(registry),
    'server-messages': () => serverMessages.map(messageSection).join('\n\n'),
    'client-messages': () => clientMessages.map(messageSection).join('\n\n'),
  };
}

function familyTable({ families }: Catalog): string {
  return table(
    ['`type`', 'goes to', 'keys of `data`'],
    families.map((family) => [
      code(family.name),
      sentTo(family),
      ['type', ...Object.keys(family.keys), 'timestamp', 'payload'].map(code).join(' '),
    ]),
  );
}

function eventsOf(family: Family): string {
  const types = Object.entries(family.events);
  const overview = table(
    ['event', 'is sent when', 'to'],
    types.map(([type, event]) => [code(type), whenSent(family, event), sentTo(family, event)]),
  );
  const examples = types.map(([type]) => {
    const message = { type: family.name, data: exampleOf(family, type) };
    return `### ${type}\n\n${fenced('json', JSON.stringify(message, undefined, 2))}`;
  });
  return [`## ${family.name}`, overview, ...examples].join('\n\n');
}

function messageSection({ name, summary, example }: DocumentedMessage): string {
  return `### ${name}\n\n${summary}\n\n${fenced('json', JSON.stringify(example, undefined, 2))}`;
}

function settingsTable(): string {
  return table(
    ['name', 'default', 'what it is', 'example'],
    settingNames.map((name) => {
      const setting: Setting = settings[name];
      return [code(name), defaultOf(name, setting), setting.about, code(setting.example)];
    }),
  );
}

function defaultOf(name: string, { default: value, unit }: Setting): string {
  if (name === 'NODE_ENV') return code('development');
  if (name === 'LOG_FORMAT') return '`pretty` on a terminal, else `json`';
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '–';
  const number = typeof value === 'number' && unit !== undefined;
  if (number) return `${code(String(value))} ${unit}`;
  return code(Array.isArray(value) ? value.join(',') : JSON.stringify(value).replaceAll('"', ''));
}

/** What happens at each limit; the numbers are the settings' own defaults. */
const limitNotes: readonly (readonly [setting: keyof typeof settings, effect: string])[] = [
  ['HASHI_MAX_MESSAGE_BYTES', 'close 1009'],
  ['HASHI_MESSAGES_PER_SECOND', '`RATE_LIMITED`, then close 4429'],
  ['HASHI_MESSAGE_BURST', '`RATE_LIMITED`, then close 4429'],
  ['HASHI_MAX_SUBSCRIPTIONS', '`TOO_MANY_SUBSCRIPTIONS`'],
  ['HASHI_MAX_CONNECTIONS_PER_PLAYER', '`TOO_MANY_CONNECTIONS`, close 4429'],
  ['HASHI_MAX_CONNECTIONS_PER_ADDRESS', 'HTTP 429 with `Retry-After`'],
  ['HASHI_MAX_CONNECTIONS', 'HTTP 503 with `Retry-After`'],
  ['HASHI_AUTH_TIMEOUT_MS', '`AUTH_ERROR`, close 4401'],
  ['HASHI_MAX_UNSENT_BYTES', '`SLOW_CONSUMER`, close 4408'],
  ['HASHI_MAX_EVENT_BYTES', '`RESYNC_REQUIRED` in place of the event'],
  ['HASHI_HEARTBEAT_TIMEOUT_MS', 'the connection is cut'],
  ['HASHI_RETENTION_HOURS', 'older resumes get `RESUME_FAILED`'],
  ['HASHI_RETENTION_EVENTS', 'older resumes get `RESUME_FAILED`'],
];

const limits = table(
  ['setting', 'default', 'at the limit'],
  limitNotes.map(([name, effect]) => {
    const setting: Setting = settings[name];
    return [code(name), `${JSON.stringify(setting.default)} ${setting.unit ?? ''}`.trim(), effect];
  }),
);

function metricsTable(registry: Registry): string {
  const metrics = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('hashi_'));
  return table(
    ['name', 'type', 'labels', 'what it is'],
    metrics.map((metric) => [code(metric.name), typeOf(metric), labelsOf(metric), metric.help]),
  );
}

/** prom-client keeps it in the class alone. */
const typeOf = (metric: object): string => metric.constructor.name.toLowerCase();

function labelsOf(metric: object): string {
  const names: unknown = 'labelNames' in metric ? metric.labelNames : [];
  return Array.isArray(names) && names.length > 0 ? names.map((name) => code(String(name))).join(' ') : '–';
}
