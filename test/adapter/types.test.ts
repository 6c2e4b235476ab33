/** Compiled by `npm run types`: each expected error must be one, and what fits the stock adapter must fit ours. */
import type { createAdapter as createStockAdapter } from '@socket.io/postgres-adapter';
import type pg from 'pg';
import { Server } from 'socket.io';
import { expect, expectTypeOf, it } from 'vitest';
import { createAdapter, type AdapterFactory, type AdapterOptions } from '../../src/adapter/index.js';

type StockOptions = NonNullable<Parameters<typeof createStockAdapter>[1]>;

/** Never called: the compiler is the test. */
function dropIn(pool: pg.Pool, stock: Required<StockOptions>): void {
  expectTypeOf<Parameters<typeof createStockAdapter>[0]>().toExtend<Parameters<typeof createAdapter>[0]>();
  // No option of the stock adapter is unknown to ours, and each takes what it takes there.
  expectTypeOf<keyof StockOptions>().toExtend<keyof AdapterOptions>();
  createAdapter(pool, stock);
  const adapter: AdapterFactory = createAdapter(pool);
  new Server({ adapter });
  new Server().adapter(adapter);
}

function options(pool: pg.Pool): void {
  // @ts-expect-error no such option
  createAdapter(pool, { chanelPrefix: 'chat' });
  // @ts-expect-error milliseconds are a number
  createAdapter(pool, { localDeliveryMs: '500' });
  // @ts-expect-error none of the three
  createAdapter(pool, { emitters: 'everybody' });
  // @ts-expect-error a handler takes an error
  createAdapter(pool, { errorHandler: (error: string) => error });
  // @ts-expect-error a pool, not where the database is
  createAdapter('postgres://db.example.com/app');
  // @ts-expect-error settings of a client, not a URL
  createAdapter(pool, { connection: 'postgres://db.example.com/app' });
}

it('compiles', () => {
  for (const compiled of [dropIn, options]) expect(compiled).toBeTypeOf('function');
});
