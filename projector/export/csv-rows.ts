import { type Column, textOf } from './columns.js'
import type { PartFile } from './part-file.js'
import type { Row, RowFile } from './row-file.js'

/** RFC 4180, UTF-8, a line of names first. Null is nothing, an empty text is `""`. */
export class CsvRows implements RowFile {
  #isBegun = false

  constructor(
    private readonly file: PartFile,
    private readonly columns: readonly Column[],
  ) {}

  async write(rows: readonly Row[]): Promise<void> {
    const lines = rows.map((row) => this.columns.map((column, at) => field(textOf(column, row[at] ?? null))).join(','))
    const head = this.#isBegun ? [] : [this.columns.map(({ name }) => field(name)).join(',')]
    this.#isBegun = true
    const all = [...head, ...lines]
    if (all.length > 0) await this.file.write(Buffer.from(`${all.join('\r\n')}\r\n`))
  }

  /** The names stand there also where no row does. */
  finish = (): Promise<void> => this.write([])
}

const field = (text: string | null): string => {
  if (text === null) return ''
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
