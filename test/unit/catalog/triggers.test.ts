import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../../src/catalog/index.js';
import { rightsFunctionSql } from '../../../src/catalog/rights.js';
import { tableTrigger, watchedTables } from '../../../src/catalog/triggers.js';

const folder = new URL('../../../migrations/triggers/', import.meta.url);

describe('migrations/triggers', () => {
  const tables = watchedTables(catalog);

  it('has a file for every table the catalogue watches, and no other', async () => {
    const files = [...tables.map(({ name }) => `${name}.sql`), 'rights.sql'];
    expect((await readdir(folder)).sort()).toEqual(files.sort());
  });

  it('holds what the catalogue makes for the rights to subscribe: run "npm run triggers" when it does not', async () => {
    const text = catalog.lobbies && rightsFunctionSql(catalog.lobbies);
    expect(await readFile(new URL('rights.sql', folder), 'utf8')).toBe(text);
  });

  it.each(tables.map((table) => [table.name, table] as const))(
    'holds what the catalogue makes for %s: run "npm run triggers" when it does not',
    async (name, table) => {
      expect(await readFile(new URL(`${name}.sql`, folder), 'utf8')).toBe(
        tableTrigger(catalog, table).functionSql,
      );
    },
  );

  it.each(tables.map((table) => [table.name, table] as const))(
    'runs the function of %s with a search_path of its own, open to nobody',
    (_name, table) => {
      const { functionName, functionSql } = tableTrigger(catalog, table);
      expect(functionSql).toContain('security definer\nset search_path = pg_catalog, realtime, pg_temp');
      expect(functionSql).toContain(`revoke all on function ${functionName}() from public;`);
    },
  );
});
