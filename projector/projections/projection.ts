/** What a table is that follows from blocks and stands in one small file: its columns, its rows, and the migration that makes it. The
 *  projector, replay, audit, digests and diff work by `all.ts`, which lists them. */
import type { Kysely, Migration } from 'kysely'
import { createTable, type DescribedColumns, run } from '../migrations/described.js'
import type { BlockRows } from '../project.js'
import type { Row, Table } from '../rows/tables.js'

export interface Projection<R extends Row = Row> {
  /** Its first columns are lane and height. */
  readonly table: Table<R>
  /** Rows of one block. Pure: the same block gives the same rows to the writer and to the audit. */
  rowsOf(block: BlockRows): Iterable<R>
  /** After all migrations that may have run on somebody’s database. */
  readonly migrationName: `${number}-${string}`
  readonly migration: Migration
}

/** The table, found by block. In a database with blocks it is marked: rows of these it gets by `meterchain replay` alone. */
export async function createProjected(
  db: Kysely<unknown>,
  { name }: Table,
  comment: string,
  columns: DescribedColumns,
): Promise<void> {
  await createTable(db, name, comment, columns)
  const index = `${name.replace('store.', '')}_origin`
  await run(db, `CREATE INDEX ${index} ON ${name} USING brin (lane, height) WITH (pages_per_range = 32, autosummarize = on)`)
  await run(db, `INSERT INTO ledger.unfilled SELECT '${name}' WHERE EXISTS (SELECT FROM ledger.blocks)`)
}

/** For the WHERE of its views: rather no row than those of some blocks alone. */
export const isFilled = ({ name }: Table): string => `NOT EXISTS (SELECT FROM ledger.unfilled WHERE table_name = '${name}')`
