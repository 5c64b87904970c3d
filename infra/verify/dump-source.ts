import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TopicName } from '../stage.js'
import { DumpDamagedError, decodeRecord, MANIFEST, type Manifest, manifestFile, recordsFile } from './dump-format.js'
import type { LogSource, OffsetRange, SourceRecord } from './log-source.js'

/** Opens what `dump` wrote. Throws Error where the folder holds no whole dump; reading throws DumpDamagedError. */
export async function dumpSource(folder: string): Promise<LogSource> {
  const { topics } = await readManifest(join(folder, MANIFEST))
  return {
    endOffsets: async (topic) => {
      const partitions = Object.entries(topics[topic] ?? {})
      return new Map<number, OffsetRange>(partitions.map(([partition, { low, high }]) => [Number(partition), { low, high }]))
    },
    read: (topic, partition) => {
      const records = topics[topic]?.[partition]?.records ?? 0
      return records === 0 ? none() : readRecords(join(folder, recordsFile(topic, partition)), topic, partition, records)
    },
  }
}

async function* none(): AsyncIterable<SourceRecord> {}

async function readManifest(path: string): Promise<Manifest> {
  try {
    return manifestFile.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    throw new Error(`${path} is not the manifest of a dump: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

async function* readRecords(file: string, topic: TopicName, partition: number, expected: number): AsyncIterable<SourceRecord> {
  let rest = Buffer.alloc(0)
  let position = 0
  let records = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    rest = Buffer.concat([rest, chunk])
    for (let next = decode(rest, file, position); next !== undefined; next = decode(rest, file, position)) {
      rest = rest.subarray(next.length)
      position += next.length
      records++
      yield { topic, partition, ...next.record }
    }
  }
  if (rest.length > 0) throw new DumpDamagedError(`${file} ends within the record that begins at byte ${position}`)
  if (records !== expected) throw new DumpDamagedError(`${file} holds ${records} records, and the manifest says ${expected}`)
}

function decode(bytes: Buffer, file: string, position: number): ReturnType<typeof decodeRecord> {
  try {
    return decodeRecord(bytes)
  } catch (error) {
    throw new DumpDamagedError(`${file}, the record at byte ${position}: ${String(error)}`, { cause: error })
  }
}
