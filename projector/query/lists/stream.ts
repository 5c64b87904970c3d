/** Rows of any number as the body of an answer: held by the chunk, written as fast as whoever asked takes them. */
import { Readable } from 'node:stream'
import type { OpenRows, TextRow } from '../read-only.js'

/** Of one write. */
const CHUNK_CHARACTERS = 65_536

/** Whoever takes a body slower than this does not get it whole: the connection is cut, so that nobody takes a part for all.
 *  A replay's swap waits for those who read, two minutes at most. */
export const STREAM_MILLIS = 60_000

export interface StreamOptions {
  readonly rows: OpenRows
  readonly first: TextRow | undefined
  readonly head: string
  readonly millis?: number
  line(row: TextRow): string
}

/** The rows are closed when it ends, however it ends. */
export function bodyOf({ rows, first, head, line, millis = STREAM_MILLIS }: StreamOptions): Readable {
  async function* chunks() {
    let chunk = head
    for (let row = first; row !== undefined; row = await rows.next()) {
      chunk += line(row)
      if (chunk.length < CHUNK_CHARACTERS) continue
      yield chunk
      chunk = ''
    }
    if (chunk !== '') yield chunk
  }
  const body = Readable.from(chunks(), { objectMode: false, encoding: 'utf8' })
  const timer = setTimeout(() => body.destroy(new Error(`the answer was not taken within ${millis / 1000} s`)), millis)
  body.once('close', () => {
    clearTimeout(timer)
    rows.close()
  })
  return body
}
