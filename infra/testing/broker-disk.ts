/** The broker's own files, to damage them: as a disk does. */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Where a batch stands in its segment. */
export interface BatchPlace {
  readonly at: number
  readonly length: number
  readonly firstOffset: bigint
}

/** Places of fields in a batch's header: https://kafka.apache.org/documentation/#recordbatch */
export const BATCH_FIELD = {
  baseOffset: 0,
  length: 8,
  magic: 16,
  checksum: 17,
  attributes: 21,
  lastDelta: 23,
  count: 57,
  records: 61,
}

/** The first segment of a partition of the tests' local broker. */
export function segmentFile(topic: string, partition: number, home = process.env.METERCHAIN_TEST_HOME ?? '.meterchain'): string {
  return join(home, 'data', 'kafka', 'log', `${topic}-${partition}`, `${'0'.repeat(20)}.log`)
}

export const hasSegment = (topic: string, partition: number): boolean => existsSync(segmentFile(topic, partition))

/** All batches of the segment. */
export function batchPlaces(file: string): BatchPlace[] {
  const bytes = readFileSync(file)
  const places: BatchPlace[] = []
  for (let at = 0; at + BATCH_FIELD.records <= bytes.length; ) {
    const length = 12 + bytes.readInt32BE(at + BATCH_FIELD.length)
    if (length <= 12) break // the rest of the file is not written yet
    places.push({ at, length, firstOffset: bytes.readBigInt64BE(at) })
    at += length
  }
  return places
}

/** Changes a bit: `field` counts from the beginning of the batch that holds the offset. */
export function flipBit(file: string, offset: bigint, field: number, bit = 0): void {
  const place = batchPlaces(file).findLast((each) => each.firstOffset <= offset)
  if (place === undefined) throw new Error(`${file} holds no batch of offset ${offset}`)
  const at = place.at + field
  const byte = readFileSync(file)[at] ?? 0
  const handle = openSync(file, 'r+')
  try {
    writeSync(handle, Buffer.of(byte ^ (1 << bit)), 0, 1, at)
  } finally {
    closeSync(handle)
  }
}
