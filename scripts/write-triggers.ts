/** Writes migrations/triggers/*.sql from the catalogue. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { catalog } from '../src/catalog/index.js';
import { rightsFunctionSql } from '../src/catalog/rights.js';
import { tableTrigger, watchedTables } from '../src/catalog/triggers.js';

const folder = new URL('../migrations/triggers/', import.meta.url);
const files = new Map(
  watchedTables(catalog).map((table) => [`${table.name}.sql`, tableTrigger(catalog, table).functionSql]),
);
if (catalog.lobbies) files.set('rights.sql', rightsFunctionSql(catalog.lobbies));
for (const file of await readdir(folder)) {
  if (!files.has(file)) await rm(new URL(file, folder));
}
for (const [file, text] of files) await writeFile(new URL(file, folder), text);
console.log(`wrote ${[...files.keys()].join(', ')}`);
