/** Lines of a CSV file, as they stand: unpacked where the content says gzip, whatever the file is called. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'

export interface CsvLine {
  /** From 1. */
  readonly line: number
  readonly fields: readonly string[]
}

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b])
/** A line that is longer is no reading. */
const MAX_LINE_BYTES = 64 * 1024

/** Where, and why, a file could not be read further. */
export interface ReadFailure {
  line?: number
  reason?: string
}

/** The lines that are not empty, up to where the file can be read; what stopped it is written to `failure`. */
export async function* readableLines(path: string, failure: ReadFailure): AsyncGenerator<CsvLine> {
  const lines = readCsv(path)
  for (let line = 1; ; ) {
    let next: IteratorResult<CsvLine>
    try {
      next = await lines.next()
    } catch (error) {
      Object.assign(failure, { line, reason: error instanceof Error ? error.message : String(error) })
      return
    }
    if (next.done === true) return
    line = next.value.line + 1
    yield next.value
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
  const file = createReadStream(path)
  // the parser ends with the error of whichever breaks, so the loop throws it
  const told = () => undefined
  if (await isGzip(path)) pipeline(file, createGunzip(), parser, told)
  else pipeline(file, parser, told)
  for await (const { record, info } of parser) yield { line: info.lines, fields: record }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(GZIP_MAGIC.length), 0, GZIP_MAGIC.length, 0)
    return bytesRead === GZIP_MAGIC.length && buffer.equals(GZIP_MAGIC)
  } finally {
    await file.close()
  }
}

/** SHA-256 of a file as it stands, hexadecimal. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
