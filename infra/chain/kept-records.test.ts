import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from '@jest/globals'
import { open, type RootDatabase } from 'lmdb'
import { CorruptStateError } from './checked-store.js'
import { KEPT_BLOCKS, KeptRecords } from './kept-records.js'
import type { Finalized } from './lane-reader.js'

const folder = mkdtempSync(join(tmpdir(), 'kept-records-'))
let root: RootDatabase
let count = 0
beforeEach(() => {
  root = open({ path: join(folder, String(count++)), maxDbs: 1 })
})
afterAll(() => rmSync(folder, { recursive: true }))

const block = (lane: number, height: number) => Buffer.from(`block ${height} of lane ${lane}`)
const votes = (height: number) => Array.from({ length: height % 4 }, (_, index) => Buffer.from(`vote ${index}`))
function keep(records: KeptRecords, lane: number, height: number): void {
  const header = { height: BigInt(height) } as Finalized['header']
  const signed = votes(height).map((bytes) => ({ bytes })) as unknown as Finalized['votes']
  root.transactionSync(() => records.keep({ lane, header, blockBytes: block(lane, height), votes: signed }))
}

test('the newest blocks of each lane are kept with their votes, in the order of their heights', () => {
  const records = new KeptRecords(root)
  expect(records.newest(0)).toEqual([])
  for (let height = 1; height <= KEPT_BLOCKS + 7; height++) keep(records, 0, height)
  keep(records, 1, 300)
  keep(records, 1, 2)
  const heights = Array.from({ length: KEPT_BLOCKS }, (_, index) => index + 8)
  expect(records.newest(0)).toEqual(heights.map((height) => ({ block: block(0, height), votes: votes(height) })))
  expect(records.newest(1)).toEqual([2, 300].map((height) => ({ block: block(1, height), votes: votes(height) })))
})

test('what was altered is not handed out', () => {
  const records = new KeptRecords(root)
  for (const altered of [(bytes: Buffer) => bytes.fill(1, 5, 6), (bytes: Buffer) => bytes.subarray(0, 7)]) {
    keep(records, 0, 3)
    const raw = root.openDB<Buffer, number[]>({ name: 'records', encoding: 'binary' })
    raw.putSync([0, 3], altered(Buffer.from(raw.get([0, 3]) ?? [])))
    expect(() => records.newest(0)).toThrow(CorruptStateError)
  }
})
