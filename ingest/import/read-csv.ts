/** Lines of a CSV file, as they stand. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { parse } from 'csv-parse'
import { MalformedFile } from './malformed-file.js'
import { unpacked } from './unpacked.js'

export interface CsvLine {
  /** From 1. */
  readonly line: number
  readonly fields: readonly string[]
}

/** A line that is longer is no reading. */
const MAX_LINE_BYTES = 64 * 1024

/** The lines that are not empty. Throws MalformedFile where the file can be read no further. */
export async function* readableLines(path: string): AsyncGenerator<CsvLine> {
  let line = 1
  try {
    for await (const next of readCsv(path)) {
      line = next.line + 1
      yield next
    }
  } catch (error) {
    if (error instanceof MalformedFile) throw error
    throw new MalformedFile(
      line,
      `the rest of the file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/** Throws where the file cannot be read or unpacked, or a line is too long. */
async function* readCsv(path: string): AsyncGenerator<CsvLine> {
  const parser = parse({
    bom: true,
    info: true,
    max_record_size: MAX_LINE_BYTES,
    // nothing is quoted: a stray quote must not swallow the lines after it
    quote: false,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
  })
  // the parser ends with the error of whichever breaks, so the loop throws it
  pipeline(await unpacked(path), parser, () => undefined)
  for await (const { record, info } of parser) yield { line: info.lines, fields: record }
}

/** SHA-256 of a file as it stands, hexadecimal. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
