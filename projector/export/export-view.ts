/** A view of schema analytics in a file: one moment of the tables, row after row in bounded memory, under its name when it is whole. */
import type pg from 'pg'
import { inSnapshot, rowsOf } from '../query/row-source.js'
import { type Choice, chosen, columnsOf, type Range } from './choose.js'
import { quoted } from './columns.js'
import { copyRows, type Done } from './copy-rows.js'
import { CsvRows } from './csv-rows.js'
import { MADE_AT_TABLES, type MadeAt, madeAt } from './made-at.js'
import { ParquetRows } from './parquet-rows.js'
import { PartFile } from './part-file.js'
import type { Format } from './row-file.js'

export interface ExportOptions {
  /** Of a role that reads schemas ledger, store and analytics; nothing else uses it meanwhile. */
  readonly client: pg.ClientBase
  readonly view: string
  readonly range: Range
  readonly path: string
  readonly format: Format
  readonly onProgress: (done: Done) => void
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
  return inSnapshot(client, [`analytics.${quoted(view)}`, ...MADE_AT_TABLES], async (source) =>
    writeWhole(options, choice, await madeAt(source)),
  )
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

async function writeWhole({ client, path, format, onProgress }: ExportOptions, choice: Choice, made: MadeAt): Promise<Exported> {
  const file = await PartFile.create(path)
  try {
    const into = format === 'csv' ? new CsvRows(file, choice.columns) : new ParquetRows(file, choice.columns)
    const rows = await copyRows(client, choice, into, onProgress)
    const facts = factsOf(choice, rows, made)
    await into.finish(JSON.stringify(facts))
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
