/** `doctor`: checks what operators get wrong, and says for each what to do. */
import type { Command } from 'commander';
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import { colorWanted, type Config } from '../config.js';
import { connectClient, describeDatabaseError, redactUrl } from '../database/client.js';
import { OperatorError } from '../errors.js';
import { catalogOf, loadProject } from '../project.js';
import { scrub } from '../telemetry/redaction.js';
import { checkAdapterInstall, checkAdapterTables, isAdapterAlone } from './checks/adapter.js';
import { failed, ok, warning, type Result } from './checks/check.js';
import { checkColumns, checkFunctions, checkSteps, checkTriggers } from './checks/installed.js';
import { checkLag, checkQuarantine, checkRestores, checkRetention } from './checks/log.js';
import { checkPartitions } from './checks/partitions.js';
import { checkRowSecurity } from './checks/row-security.js';
import { checkClock, checkListen, checkRole, checkTransactions, checkVersion } from './checks/server.js';
import { checkQueue } from './checks/queue.js';
import { checkKeys, checkOrigins } from './checks/settings.js';
import { checkTypes } from './checks/types.js';
import { checkUnreadable } from './checks/unreadable.js';
import { codeOf, databaseUrlOf } from './database.js';
import { ReportedFailure } from './failure.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

export function register(program: Command): void {
  program
    .command('doctor')
    .description('Check database, triggers, log, keys and settings; exit code 1 when something has failed.')
    .option('--json', 'print {"ok", "results": [{"check", "status", "detail", "fix"}]}')
    .addHelpText(
      'after',
      `
It changes nothing. A warning does not make it fail.

Examples:
  $ hashi-socket doctor
  $ DATABASE_URL=postgres://… hashi-socket doctor --json | jq '.results[] | select(.status != "ok")'`,
    )
    .action(async ({ json }: { json?: true }, command: Command) => {
      const results: Result[] = [];
      const color = colorWanted(process.stdout);
      const report = (result: Result) => {
        results.push(result);
        // As they come: some of them take seconds.
        if (json !== true) print(command, line(result, color));
      };
      const config = checkSettings(report);
      if (config) await examine(config, catalogOf(await loadProject()), report);
      const good = results.every(({ status }) => status !== 'failed');
      if (json === true) print(command, JSON.stringify({ ok: good, results: scrub(results) }, undefined, 2));
      else print(command, verdict(results));
      if (!good) throw new ReportedFailure();
    });
}

/** Undefined when they are wrong: then nothing else can be looked at. */
function checkSettings(report: (result: Result) => void): Config | undefined {
  try {
    const fix = 'Correct its name, or unset it.';
    return readSettings((text) => report(warning('settings', text.replace(/^warning: /, '').trimEnd(), fix)))
      .config;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    report(failed('settings', 'The settings are wrong: nothing else was checked.', error.message));
    return undefined;
  }
}

async function examine(config: Config, catalog: Catalog, report: (result: Result) => void): Promise<void> {
  let url: string;
  let client: pg.Client;
  try {
    url = await databaseUrlOf(config);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    report(failed('database', 'No database is running.', error.message));
    return examineSettings(config, report);
  }
  try {
    client = await connectClient({ url, applicationName: 'hashi-socket doctor', pinned: true });
  } catch (error) {
    report(failed('database', 'The database cannot be used.', `${describeDatabaseError(error, url)}.`));
    return examineSettings(config, report);
  }
  try {
    report(ok('database', `${redactUrl(url)} answers.`));
    const version = await checkVersion(client);
    report(version);
    if (version.status !== 'failed') await examineDatabase(client, url, config, catalog, report);
  } finally {
    await client.end();
  }
  await examineSettings(config, report);
}

async function examineSettings(config: Config, report: (result: Result) => void): Promise<void> {
  report(await checkKeys(config));
  report(checkOrigins(config));
}

type Check = [name: string, run: () => Result | Promise<Result | Result[]>, needsLog?: true];

async function examineDatabase(
  client: pg.Client,
  url: string,
  config: Config,
  catalog: Catalog,
  report: (result: Result) => void,
): Promise<void> {
  const { rows } = await client.query<{ there: boolean; may: boolean; role: string; owner: string }>(
    // A schema that may not be used cannot even be looked into.
    `select current_user as role, coalesce(pg_get_userbyid(n.nspowner), '') as owner, coalesce(u.may, true) as may,
       case when u.may then to_regclass('realtime.installed') end is not null as there
     from (select) one left join pg_namespace n on n.nspname = 'realtime'
     left join lateral (select has_schema_privilege(n.oid, 'usage') as may where n.oid is not null) u on true`,
  );
  const { there: installed = false, may = true, role = '', owner = '' } = rows[0] ?? {};
  const checks: Check[] = [
    ['notifications', () => checkListen(client, url)],
    ['clock', () => checkClock(client)],
    ['queue', () => checkQueue(client)],
    ['transactions', () => checkTransactions(client)],
    ...(!may
      ? ([['rights', () => noUsage(role, owner)]] satisfies Check[])
      : installed && (await isAdapterAlone(client))
        ? ([['schema', () => checkAdapterInstall(client)]] satisfies Check[])
        : checksOfServer(client, config, catalog)),
    ['lag', () => checkLag(client), true],
    ['retention', () => checkRetention(client), true],
    ['adapter', () => checkAdapterTables(client), true],
    ['unreadable', () => checkUnreadable(client), true],
  ];
  for (const [name, run, needsLog] of checks) {
    if (needsLog && !installed) continue;
    try {
      for (const result of [await run()].flat()) report(result);
    } catch (error) {
      // One check that cannot be made says nothing about the others.
      report(unchecked(name, error, url));
    }
  }
}

function checksOfServer(client: pg.Client, config: Config, catalog: Catalog): Check[] {
  return [
    ['rights', () => checkRole(client, catalog, config)],
    ['schema', () => checkSteps(client, catalog)],
    ['columns', () => checkColumns(client, catalog), true],
    ['types', () => checkTypes(client, catalog), true],
    ['functions', () => checkFunctions(client, catalog), true],
    ['triggers', () => checkTriggers(client, catalog), true],
    ['row security', () => checkRowSecurity(client, catalog)],
    ['partitions', () => checkPartitions(client, catalog)],
    ['quarantine', () => checkQuarantine(client), true],
    ['restores', () => checkRestores(client), true],
  ];
}

const noUsage = (role: string, owner: string): Result =>
  failed(
    'rights',
    `Role "${role}" may not use the schema realtime: what is in it was not checked.`,
    `Run the doctor as its owner, "${owner}"; for the server's role deploy/roles.sql has the statements.`,
  );

function unchecked(name: string, error: unknown, url: string): Result {
  const detail = `It could not be checked: ${describeDatabaseError(error, url)}.`;
  if (error instanceof OperatorError) return failed(name, detail, error.message);
  // A role that only serves may not look into the log's tables: that is as it should be.
  return codeOf(error) === '42501'
    ? warning(name, detail, 'Run the doctor as the owner of the schema realtime.')
    : failed(
        name,
        detail,
        'The schema realtime may be of another version or damaged: run "hashi-socket migrate".',
      );
}

const marks = { ok: ['ok     ', 32], warning: ['warning', 33], failed: ['failed ', 31] } as const;

function line({ check, status, detail, fix }: Result, color: boolean): string {
  const [word, code] = marks[status];
  const mark = color ? `\u001b[${code}m${word}\u001b[0m` : word;
  return `${mark}  ${check.padEnd(13)}  ${detail}${fix === undefined ? '' : `\n         ▶ ${fix}`}`;
}

function verdict(results: readonly Result[]): string {
  const count = (wanted: Result['status']) => results.filter(({ status }) => status === wanted).length;
  const warnings = count('warning');
  return `\n${count('ok')} ok, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${count('failed')} failed`;
}
