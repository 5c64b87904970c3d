/** A view of schema analytics in a file: one moment of the tables, row after row in bounded memory, under its name when it is whole. */
import type pg from 'pg'
import { inSnapshot, rowsOf } from '../query/row-source.js'
import { type Choice, chosen, columnsOf, type Range, selectOf } from './choose.js'
import { quoted } from './columns.js'
import { CsvRows } from './csv-rows.js'
import { MADE_AT_TABLES, type MadeAt, madeAt } from './made-at.js'
import { ParquetRows } from './parquet-rows.js'
import { PartFile } from './part-file.js'
import type { Format, RowFile } from './row-file.js'

/** Rows that are fetched at once. */
const FETCH_ROWS = 5_000

export interface ExportOptions {
  /** Of a role that reads schemas ledger, store and analytics; nothing else uses it meanwhile. */
  readonly client: pg.ClientBase
  readonly view: string
  readonly range: Range
  readonly path: string
  readonly format: Format
  readonly onProgress: (done: number, total: number) => void
}

/** What stands in the metadata of a Parquet file (key `meterchain`), and beside a CSV file: no time of day, so the same state of the
 *  ledger makes the same file. */
export interface ExportFacts extends MadeAt {
  readonly version: 1
  readonly view: string
  readonly rows: number
  readonly range: {
    readonly points: readonly string[]
    readonly meters: readonly string[]
    readonly timeColumn: string | null
    readonly from: string | null
    readonly to: string | null
  }
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[]
}

export interface Exported {
  readonly facts: ExportFacts
  readonly bytes: number
  readonly sha256: string
}

export const sidecarPath = (path: string): string => `${path}.json`

/** Rejects where the view, the range or the tables are not so, or a value has no place in the file: then there is no file. */
export async function exportView(options: ExportOptions): Promise<Exported> {
  const { client, view } = options
  const columns = await columnsOf(rowsOf(client), view)
  const choice = chosen(view, columns, options.range)
  const select = selectOf(choice)
  return inSnapshot(client, [`analytics.${quoted(view)}`, ...MADE_AT_TABLES], async (source) => {
    const rows = await openCursor(client, select)
    const facts = factsOf(choice, rows, await madeAt(source))
    return writeWhole(options, facts, choice)
  })
}

/** Sorted once by the server, counted, and at the first row again. Gives the number of rows. */
async function openCursor(client: pg.ClientBase, select: string): Promise<number> {
  // all rows are asked for, not the first tenth; a sort may take some memory before it goes to the server's disk
  await client.query("SET LOCAL cursor_tuple_fraction = 1; SET LOCAL work_mem = '64MB'; SET LOCAL statement_timeout = 0")
  await client.query(`DECLARE exported SCROLL CURSOR FOR ${select}`)
  const { rowCount } = await client.query('MOVE FORWARD ALL IN exported')
  await client.query('MOVE ABSOLUTE 0 IN exported')
  return rowCount ?? 0
}

function factsOf({ view, columns, range, timeColumn }: Choice, rows: number, made: MadeAt): ExportFacts {
  const { points, meters, from = null, to = null } = range
  return {
    ...{ version: 1, view, rows },
    range: { points, meters, timeColumn: (from ?? to) === null ? null : (timeColumn?.name ?? null), from, to },
    ...made,
    columns: columns.map(({ name, type, comment }) => ({ name, type, comment })),
  }
}

async function writeWhole(options: ExportOptions, facts: ExportFacts, { columns }: Choice): Promise<Exported> {
  const { path, format } = options
  const file = await PartFile.create(path)
  try {
    const rows = format === 'csv' ? new CsvRows(file, columns) : new ParquetRows(file, columns, JSON.stringify(facts))
    await copyRows(options, rows, facts.rows)
    const { bytes, sha256 } = await file.close()
    // first what vouches for the file: whoever finds the file finds it beside
    if (format === 'csv') await writeSidecar(sidecarPath(path), { ...facts, bytes, sha256 })
    await file.publish()
    return { facts, bytes, sha256 }
  } catch (error) {
    await file.discard()
    throw error
  }
}

async function writeSidecar(path: string, facts: object): Promise<void> {
  const file = await PartFile.create(path)
  await file.write(Buffer.from(`${JSON.stringify(facts, null, 2)}\n`))
  await file.close()
  await file.publish()
}

const TEXTS = { getTypeParser: () => (value: string) => value }

async function copyRows({ client, onProgress }: ExportOptions, file: RowFile, total: number): Promise<void> {
  const fetch = { text: `FETCH FORWARD ${FETCH_ROWS} FROM exported`, rowMode: 'array' as const, types: TEXTS as never }
  let done = 0
  for (;;) {
    const { rows } = await client.query<(string | null)[]>(fetch)
    if (rows.length === 0) break
    await file.write(rows)
    done += rows.length
    onProgress(done, total)
  }
  if (done !== total) throw new Error(`${done} rows came of ${total}: the connection or the server is broken; try again`)
  await file.finish()
}
