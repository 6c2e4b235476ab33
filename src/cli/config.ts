/** `config`: shows every setting, its value and where it came from, or only checks them. */
import type { Command } from 'commander';
import { createStaticKeys } from '../auth/static-keys.js';
import {
  propertyOf,
  settingNames,
  settings,
  type LoadedConfig,
  type Setting,
  type SettingName,
} from '../config.js';
import { hideCredentials } from '../telemetry/redaction.js';
import { runningEmbeddedUrl } from './embedded-url.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

interface Options {
  readonly json?: true;
  readonly showSecrets?: true;
  readonly check?: true;
}

/** `value` is null when nothing is set and there is no default. */
type Shown = Readonly<Record<SettingName, { readonly value: unknown; readonly source: string }>>;

export function register(program: Command): void {
  program
    .command('config')
    .description('Show every setting, its value and its source; credentials are hidden.')
    .option('--json', 'print {"NAME": {"value", "source"}}')
    .option('--show-secrets', 'show credentials too')
    .option('--check', 'only check the settings: exit code 1 and what is wrong with them')
    .addHelpText(
      'after',
      `
Examples:
  $ hashi-socket config
  $ hashi-socket config --check
  $ hashi-socket config --json --show-secrets | jq -r .DATABASE_URL.value`,
    )
    .action(async ({ json, showSecrets, check }: Options, command: Command) => {
      const loaded = readSettings((text) => command.configureOutput().writeErr?.(text));
      await checkKey(loaded);
      if (json === true) {
        print(command, JSON.stringify(await describe(loaded, showSecrets === true), undefined, 2));
      } else if (check === true) {
        print(command, 'The settings are valid.');
      } else {
        print(command, table(await describe(loaded, showSecrets === true)));
      }
    });
}

async function describe({ config, sources }: LoadedConfig, showSecrets: boolean): Promise<Shown> {
  const entries = await Promise.all(
    settingNames.map(async (name) => {
      let value: unknown = config[propertyOf(name)] ?? null;
      if (name === 'NODE_ENV') value = config.production ? 'production' : 'development';
      if (name === 'DATABASE_URL') value ??= (await runningEmbeddedUrl(config.dataDir)) ?? null;
      return [
        name,
        { value: showSecrets ? value : withoutSecret(settings[name], value), source: sources[name] },
      ];
    }),
  );
  // The same names, each once.
  return Object.fromEntries(entries) as Shown;
}

/** The key's text is only parsed where it is used: by the server at start, and here. */
async function checkKey({ config }: LoadedConfig): Promise<void> {
  if (config.authPublicKey !== undefined) await createStaticKeys(config.authPublicKey, config.authAlgorithms);
}

function withoutSecret({ secret }: Setting, value: unknown): unknown {
  if (secret === undefined || typeof value !== 'string') return value;
  return secret === 'value' ? '***' : hideCredentials(value);
}

function table(shown: Shown): string {
  const rows = settingNames.map((name) => {
    const { value, source } = shown[name];
    return { name, value: cell(name, value), source, about: about(settings[name]) };
  });
  const width = (key: 'name' | 'value', max: number) =>
    Math.min(max, Math.max(...rows.map((row) => row[key].length)));
  const [names, values] = [width('name', 40), width('value', 40)];
  return rows
    .map(({ name, value, source, about }) =>
      [name.padEnd(names), value.padEnd(values), source.padEnd(11), about].join('  '),
    )
    .join('\n');
}

function about({ about, unit }: Setting): string {
  return unit === undefined ? about : `${about} (${unit})`;
}

function cell(name: SettingName, value: unknown): string {
  if (value === null) return name === 'DATABASE_URL' ? 'embedded, not running' : '–';
  if (Array.isArray(value)) return value.length === 0 ? '–' : value.join(',');
  return (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll(/\s+/g, ' ');
}
