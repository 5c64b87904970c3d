import { createWriteStream } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { TopicName } from '../stage.js'
import { encodeRecord, MANIFEST, recordsFile } from './dump-format.js'
import { countRecords, type LogSource, type OffsetRange } from './log-source.js'
import type { VerifyProgress } from './verify.js'

/** What a block names in the other topics is there before the block is, so the end of `chain` is taken first. */
const IN_ORDER: readonly TopicName[] = ['chain', 'checkpoints', 'readings', 'registry', 'repairs', 'rejections']

interface Copied {
  readonly low: string
  readonly high: string
  readonly records: number
}

/** Copies all topics, as they are now, into a new or empty folder. Without its manifest, which comes last, it is no dump. */
export async function dump(
  source: LogSource,
  folder: string,
  onProgress: (progress: VerifyProgress) => void = () => undefined,
): Promise<{ records: number }> {
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty: a dump needs a folder of its own`)
  const ranges = new Map<TopicName, ReadonlyMap<number, OffsetRange>>()
  for (const topic of IN_ORDER) ranges.set(topic, await source.endOffsets(topic))
  const total = await countRecords(source, IN_ORDER)
  const topics: Record<string, Record<string, Copied>> = {}
  let done = 0
  const onRecord = () => onProgress({ done: ++done, total: Math.max(total, done) })
  for (const [topic, partitions] of ranges) {
    const copied: Record<string, Copied> = {}
    for (const [partition, range] of partitions)
      copied[partition] = await copy(source, {
        topic,
        partition,
        range,
        file: join(folder, recordsFile(topic, partition)),
        onRecord,
      })
    topics[topic] = copied
  }
  await writeFile(join(folder, MANIFEST), `${JSON.stringify({ version: 1, topics }, null, 2)}\n`)
  return { records: done }
}

interface Copy {
  readonly topic: TopicName
  readonly partition: number
  readonly range: OffsetRange
  readonly file: string
  onRecord(): void
}

async function copy(source: LogSource, { topic, partition, range, file, onRecord }: Copy): Promise<Copied> {
  let records = 0
  async function* bytes(): AsyncIterable<Buffer> {
    for await (const record of source.read(topic, partition)) {
      if (record.offset >= range.high) break
      records++
      onRecord()
      yield encodeRecord(record)
    }
  }
  await pipeline(Readable.from(bytes()), createWriteStream(file))
  // What was deleted while we read is not in the dump.
  const low = (await source.endOffsets(topic)).get(partition)?.low ?? range.low
  return { low: String(low > range.low ? low : range.low), high: String(range.high), records }
}
