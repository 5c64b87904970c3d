/** What an import of files would find in them, without a key, a store or a door. */
import { type FormatName, formatOf, piecesOf } from './formats.js'
import type { ImportOptions, Malformed } from './import.js'
import { MalformedFile } from './malformed-file.js'
import type { Marks, RecordCounts, Source } from './piece.js'
import { type ChannelTotal, Totals } from './totals.js'

export interface CheckOptions extends Pick<ImportOptions, 'files' | 'message'> {
  readonly format?: FormatName
  onProgress?(progress: { filesDone: number; records: number }): void
  onMalformed?(malformed: Malformed): void
}

export interface CheckSummary extends RecordCounts {
  readonly files: number
  readonly meters: number
  readonly messages: number
  /** What a file says twice is counted twice. */
  readonly intervals: number
  readonly registers: number
  readonly totals: readonly ChannelTotal[]
}

const PIECES_PER_REPORT = 1_000
const NOTHING_KNOWN: Marks = { mark: () => undefined, set: () => undefined }

export async function checkFiles(options: CheckOptions): Promise<CheckSummary> {
  const counts: RecordCounts = { records: 0, malformed: 0, missing: 0 }
  const meters = new Set<string>()
  const totals = new Totals()
  let [messages, pieces, filesDone] = [0, 0, 0]
  const checkFile = async (source: Source) => {
    for await (const piece of piecesOf(options.format ?? (await formatOf(source.path)), options.message)(source)) {
      meters.add(piece.meter)
      for (const content of piece.plan(NOTHING_KNOWN, 1).contents) {
        messages++
        totals.add(piece.meter, content)
      }
      if (++pieces % PIECES_PER_REPORT === 0) options.onProgress?.({ filesDone, records: counts.records })
    }
  }
  for (const file of options.files) {
    const refuse = (line: number, reason: string) => {
      counts.malformed++
      options.onMalformed?.({ file, line, reason })
    }
    try {
      await checkFile({ path: file, counts, refuse })
    } catch (error) {
      if (!(error instanceof MalformedFile)) throw error
      refuse(error.line, error.reason)
    }
    options.onProgress?.({ filesDone: ++filesDone, records: counts.records })
  }
  const { intervals, registers } = totals
  return { ...counts, files: options.files.length, meters: meters.size, messages, intervals, registers, totals: totals.all() }
}
