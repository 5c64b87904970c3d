import { ByteWriter, type ColumnSource, ParquetWriter, type SchemaElement, type Writer } from 'hyparquet-writer'
import { type Cell, type Column, cellOf, DECIMAL_PRECISION, DECIMAL_SCALE, type Kind } from './columns.js'
import type { PartFile } from './part-file.js'
import type { RowFile } from './row-file.js'

/** Rows of a row group: all that is in memory at once, with the file's index of groups (some KB each). */
const GROUP_ROWS = 50_000

/** Of times and numbers that mostly rise from row to row: 3.3 bytes an interval of London's 1.18 M, where it were 16.4. */
const RISING = 'DELTA_BINARY_PACKED'
const RISING_KINDS: ReadonlySet<Kind> = new Set(['int32', 'int64', 'date', 'time'])

const PRIMITIVES: Readonly<Record<Kind, Omit<SchemaElement, 'name'>>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  boolean: { type: 'BOOLEAN' },
  bytes: { type: 'BYTE_ARRAY' },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  time: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  decimal: {
    ...{ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16 },
    ...{ converted_type: 'DECIMAL', precision: DECIMAL_PRECISION, scale: DECIMAL_SCALE },
    logical_type: { type: 'DECIMAL', precision: DECIMAL_PRECISION, scale: DECIMAL_SCALE },
  },
}

function elementsOf({ name, kind, isList }: Column): SchemaElement[] {
  if (!isList) return [{ name, ...PRIMITIVES[kind], repetition_type: 'OPTIONAL' }]
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', ...PRIMITIVES[kind], repetition_type: 'OPTIONAL' },
  ]
}

/** `facts`: what stands under key `meterchain` of the file's metadata. */
export class ParquetRows implements RowFile {
  readonly #writer: ParquetWriter
  #cells: Cell[][]

  constructor(
    file: PartFile,
    private readonly columns: readonly Column[],
    facts: string,
  ) {
    const schema = [{ name: 'meterchain', num_children: columns.length }, ...columns.flatMap(elementsOf)]
    const kvMetadata = [{ key: 'meterchain', value: facts }]
    this.#writer = new ParquetWriter({ writer: intoFile(file), schema, kvMetadata, createdBy: 'meterchain export' })
    this.#cells = columns.map(() => [])
  }

  async write(rows: readonly (readonly (string | null)[])[]): Promise<void> {
    for (const row of rows) {
      for (const [at, column] of this.columns.entries()) this.#cells[at]?.push(cellOf(column, row[at] ?? null))
      if ((this.#cells[0]?.length ?? 0) === GROUP_ROWS) await this.#group()
    }
  }

  async finish(): Promise<void> {
    if ((this.#cells[0]?.length ?? 0) > 0) await this.#group()
    await this.#writer.finish()
  }

  async #group(): Promise<void> {
    const columnData = this.columns.map(({ name, kind, isList }, at): ColumnSource => {
      const isRising = !isList && RISING_KINDS.has(kind)
      return { name, data: this.#cells[at] ?? [], ...(isRising && { encoding: RISING }) }
    })
    this.#cells = this.columns.map(() => [])
    await this.#writer.write({ columnData, rowGroupSize: GROUP_ROWS })
  }
}

/** Gives on what it has got after each row group, and at the end. */
function intoFile(file: PartFile): Writer {
  const writer = new ByteWriter()
  const flush = async () => {
    const chunk = writer.getBytes().slice()
    writer.index = 0
    await file.write(chunk)
  }
  return Object.assign(writer, { flush, finish: flush })
}
