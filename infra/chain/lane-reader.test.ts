import { describe, expect, test } from '@jest/globals'
import { type ChainRecord, decodeSignedReading, encodeBlock, encodeSignedVote, joinEntries } from '../../schemas/records.js'
import { TestChain } from '../testing/chain.js'
import { TestLane, wordOf } from '../testing/lane.js'
import { LaneFeed } from './lane-feeds.js'
import { LaneReader } from './lane-reader.js'

const lane = new TestLane([1, 1, 1, 1])
const genesis = lane.start.final
const bytesOf = (record: ChainRecord): Buffer =>
  record.kind === 'block'
    ? encodeBlock(record.headerBytes, record.seal, record.entries)
    : encodeSignedVote(record.voteBytes, record.signature)
const framed = (value: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), value])
const open = () => new LaneReader(3, lane.rules, undefined)
/** Takes records at offsets with gaps between, and says what became of each. */
function take(reader: LaneReader, records: readonly (ChainRecord | Buffer | null)[]) {
  return records.map((record) => {
    const value = record === null || Buffer.isBuffer(record) ? record : framed(bytesOf(record))
    const offset = reader.nextOffset + 1n
    return reader.take({ offset, timestamp: 1_000 + Number(offset), value })
  })
}
const words = (taken: ReturnType<typeof take>) =>
  taken.map(({ outcome }) => (outcome.kind === 'undecodable' ? outcome.kind : wordOf(outcome)))

const entries = [Buffer.from('one'), Buffer.from('two')]
const block = lane.block(genesis, { entries })
const rival = lane.block(genesis, { proposer: 'b' })
const accepts = ['a', 'b', 'c'].map((who) => lane.accept(genesis, block, who, [{ entry: 1, code: 4 }]))

describe('a lane that is read', () => {
  test('hands on what becomes final, whole: block, verdict, certificate, and where to begin again', () => {
    const reader = open()
    const taken = take(reader, [Buffer.from('garbage'), null, block, rival, lane.reject(rival, 'd'), ...accepts])
    expect(words(taken)).toEqual([
      'undecodable',
      'undecodable',
      'candidate',
      'candidate',
      'counted',
      'counted',
      'counted',
      'final',
    ])
    const finalized = taken.at(-1)?.finalized
    expect(finalized).toMatchObject({
      ...{ lane: 3, header: block.header, notCounted: [{ entry: 1, code: 4 }] },
      ...{ blockOffset: 5n, certificateOffset: 15n, nextOffset: 16n, timestamp: 1_015 },
    })
    expect(finalized?.block.entries).toEqual(entries)
    expect(finalized?.blockBytes).toEqual(bytesOf(block))
    expect(finalized?.votes.map(({ bytes }) => bytes)).toEqual(accepts.map(bytesOf))
    expect(finalized?.hash).toEqual(reader.state.final.hash)
    expect(reader.position).toEqual({ final: reader.state.final, nextOffset: 16n })
  })

  test('hands on a block whole that had to wait in a file, for a false authority’s large ones filled the memory set aside', () => {
    const reader = open()
    const large = [0, 1, 2].map((attempt) =>
      lane.block(genesis, { proposer: 'd', attempt, entries: Array<Buffer>(60).fill(Buffer.alloc(64 * 1024, attempt)) }),
    )
    const taken = take(reader, [...large, block, ...accepts])
    expect(words(taken).at(-1)).toBe('final')
    expect(taken.at(-1)?.finalized).toMatchObject({ blockOffset: 7n, blockBytes: bytesOf(block), block: { entries } })
  })

  test('keeps candidates only until their height is decided', () => {
    const reader = open()
    take(reader, [block, rival])
    const [first, second] = reader.state.candidates
    if (first === undefined || second === undefined) throw new Error('no candidates')
    expect(reader.heldBlock(first.hash)).toMatchObject({ offset: 1n, timestamp: 1_001, bytes: bytesOf(block) })
    expect(reader.heldBlock(second.hash)?.block.header).toEqual(rival.header)
    take(reader, accepts)
    expect(reader.heldBlock(first.hash)).toBeUndefined()
  })

  test('begins again after the newest certificate, and reads the candidates since then a second time', () => {
    const reader = open()
    take(reader, [block, ...accepts])
    const next = lane.block(reader.state.final)
    const { position } = reader
    take(reader, [next])
    expect(reader.position).toEqual(position)
    const again = new LaneReader(3, lane.rules, position)
    expect(again.nextOffset).toBe(position.nextOffset)
    expect(words(take(again, [block, next]))).toEqual(['not-next', 'candidate'])
    expect(again.state).toEqual(reader.state)
  })
})

describe('what waits beside a lane', () => {
  const record = (offset: number, value: Buffer | null = Buffer.from('x')) => ({
    offset: BigInt(offset),
    timestamp: offset,
    key: null,
    value,
  })
  const final = (reader: LaneReader, changes: Parameters<TestLane['block']>[1] = {}) => {
    const made = lane.block(reader.state.final, changes)
    take(reader, lane.finalizing(reader.state.final, made))
  }

  test('is what no final block covers, in order', () => {
    const feed = new LaneFeed(open())
    for (const offset of [0, 2, 5]) feed.push(record(offset))
    expect(feed.pending.map(({ offset }) => offset)).toEqual([0n, 2n, 5n])
    expect([feed.readingsNext, feed.pendingBytes]).toEqual([6n, 18])
    final(feed.reader, { lastOffset: 3n })
    feed.trim()
    expect(feed.pending.map(({ offset }) => offset)).toEqual([5n])
    final(feed.reader, { lastOffset: 9n })
    feed.trim()
    for (const offset of [7, 9, 10]) feed.push(record(offset, null))
    expect(feed.pending).toEqual([{ offset: 10n, timestamp: 10, entries: [Buffer.alloc(0)], bytes: 5 }])
    expect([feed.readingsNext, feed.pendingBytes]).toEqual([11n, 5])
  })

  test('holds the entries of a record as they are', () => {
    const chain = new TestChain({ lanes: 1, meters: 1 })
    const sent = [chain.meter('meter-1').next(), chain.meter('meter-1').next()]
    const feed = new LaneFeed(open())
    feed.push(record(0, framed(joinEntries(sent))))
    expect(feed.pending[0]?.entries).toEqual(sent)
    expect(feed.pending[0]?.entries.map((entry) => decodeSignedReading(entry)?.reading.sequence)).toEqual([1, 2])
  })

  test('of a new source epoch begins at 0, and blocks of the old one do not cover it', () => {
    const reader = open()
    final(reader, { lastOffset: 9n })
    const feed = new LaneFeed(reader, 1)
    expect(feed.readingsNext).toBe(0n)
    for (const offset of [0, 1]) feed.push(record(offset))
    final(reader, { lastOffset: 12n })
    feed.trim()
    expect(feed.pending).toHaveLength(2)
    final(reader, { sourceEpoch: 1, firstOffset: 0n, lastOffset: 0n })
    feed.trim()
    expect(feed.pending.map(({ offset }) => offset)).toEqual([1n])
    expect(new LaneFeed(reader, 1).readingsNext).toBe(1n)
  })

  test('may begin after what was deleted, as long as final blocks cover that', () => {
    const feed = new LaneFeed(open())
    feed.skipDeleted(4n)
    expect(feed.readingsNext).toBe(4n)
    feed.assertWhole()
    feed.chainEnd = 0n
    expect(() => feed.assertWhole()).toThrow('lane 3: readings from offset 0 up to 4 are gone')
    final(feed.reader, { lastOffset: 3n })
    feed.chainEnd = feed.reader.nextOffset
    feed.assertWhole()
    feed.skipDeleted(2n)
    expect(feed.readingsNext).toBe(4n)
  })

  test('is at its end when all of the chain is read, and what became final has been taken', () => {
    const feed = new LaneFeed(open())
    expect(feed.isAtEnd).toBe(false)
    feed.chainEnd = 2n
    expect(feed.isAtEnd).toBe(false)
    take(feed.reader, [block])
    expect(feed.isAtEnd).toBe(true)
    feed.isSettling = true
    expect(feed.isAtEnd).toBe(false)
  })
})
