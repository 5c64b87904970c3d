// What an import makes of a file, without a key and a door: messages as they would be signed, in order, and what it tells.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FormatName, formatOf, piecesOf } from '../../ingest/import/formats.js'
import { MalformedFile } from '../../ingest/import/malformed-file.js'
import { PendingMarks, type RecordCounts } from '../../ingest/import/piece.js'
import type { ReadingContent } from '../../ingest/meter/sign-reading.js'
import { obisText } from '../../schemas/obis.js'

export interface ReadImport {
  readonly messages: { meter: string; zone: string; content: ReadingContent }[]
  /** As `line: reason`. */
  readonly told: string[]
  readonly counts: RecordCounts
}

export async function readImport(path: string, format?: FormatName): Promise<ReadImport> {
  const result: ReadImport = { messages: [], told: [], counts: { records: 0, malformed: 0, missing: 0 } }
  const refuse = (line: number, reason: string) => void result.told.push(`${line}: ${reason}`)
  const marks = new PendingMarks({ mark: () => undefined })
  const sequences = new Map<string, number>()
  try {
    const pieces = piecesOf(format ?? (await formatOf(path)), 'day')({ path, counts: result.counts, refuse })
    for await (const { meter, zone, plan } of pieces) {
      const last = sequences.get(meter) ?? 0
      const { contents } = plan(marks, last + 1)
      sequences.set(meter, last + contents.length)
      for (const content of contents) result.messages.push({ meter, zone, content })
    }
  } catch (error) {
    if (!(error instanceof MalformedFile)) throw error
    refuse(error.line, error.reason)
  }
  return result
}

/** The same of a file's content. */
export async function readContent(content: string | Buffer, format?: FormatName): Promise<ReadImport> {
  const folder = mkdtempSync(join(tmpdir(), 'read-import-'))
  try {
    const path = join(folder, 'file')
    writeFileSync(path, content)
    return await readImport(path, format)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Profiles as a person reads them. */
export const profilesOf = ({ messages }: ReadImport) =>
  messages.flatMap(({ meter, content: { profiles, revises } }) =>
    profiles.map(({ obis, unit, scaler, start, step, values, quality }) => ({
      ...{ meter, channel: obisText(obis), unit, scaler, step, values, quality },
      start: new Date(start * 1000).toISOString().slice(0, 16),
      ...(revises === undefined ? {} : { revises }),
    })),
  )
