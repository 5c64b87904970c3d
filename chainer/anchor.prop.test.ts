import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LaneReader } from '../infra/chain/lane-reader.js'
import { TestLane } from '../infra/testing/lane.js'
import { cases } from '../infra/testing/thorough.js'
import { type ChainRecord, encodeBlock, encodeSignedVote } from '../schemas/records.js'
import { AnchorFinder } from './anchor.js'

const lane = new TestLane([1, 1, 1, 1])
const WHO = ['a', 'b', 'c', 'd']

const bytesOf = (record: ChainRecord): Buffer =>
  record.kind === 'block'
    ? encodeBlock(record.headerBytes, record.seal, record.entries)
    : encodeSignedVote(record.voteBytes, record.signature)

const logOf = (values: readonly (Buffer | null)[]) =>
  values.map((value, index) => ({ offset: BigInt(index * 2), timestamp: 1_000 + index, value }))
type Log = ReturnType<typeof logOf>

const find = (log: Log, registrySize = 1) => {
  const finder = new AnchorFinder(lane.rules, registrySize)
  for (const record of log) finder.take(record)
  return finder.anchor
}
const read = (reader: LaneReader, log: Log) => {
  for (const record of log) if (record.offset >= reader.nextOffset) reader.take(record)
  return reader.state
}

/** Blocks one after the other, each with its votes: the last vote may come after the next block, or after that one's votes. */
function history(lateness: readonly number[]): Log {
  const values: Buffer[] = [Buffer.from('garbage')]
  const late: { due: number; value: Buffer }[] = []
  let { state } = lane.fold([])
  for (const [height, wait] of lateness.entries()) {
    const block = lane.block(state.final, { entries: [Buffer.from(`${height}`)] })
    const votes = WHO.map((who) => lane.accept(state.final, block, who))
    values.push(bytesOf(block))
    for (const vote of votes.slice(0, 3)) {
      values.push(bytesOf(vote))
      for (const each of late.filter(({ due }) => due <= values.length))
        values.push(late.splice(late.indexOf(each), 1)[0]?.value ?? each.value)
    }
    for (const vote of votes.slice(3)) late.push({ due: values.length + wait, value: bytesOf(vote) })
    state = lane.fold([block, ...votes.slice(0, 3)], state).state
  }
  return logOf([...values, ...late.map(({ value }) => value)])
}

test('who takes up a lane from any part of its tail ends where a reader from the genesis does', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { minLength: 2, maxLength: 6 }), fc.nat(30), (lateness, back) => {
      const log = history(lateness)
      const whole = read(new LaneReader(3, lane.rules, undefined), log)
      expect(whole.final.height).toBe(BigInt(lateness.length))
      const anchor = find(log.slice(-8 - back))
      if (anchor === undefined) return
      expect(read(new LaneReader(3, lane.rules, anchor), log)).toEqual(whole)
    }),
    cases(150),
  )
})

test('a vote that comes after the certificate does not move the anchor over the next block', () => {
  const first = lane.block(lane.start.final)
  const after = lane.fold(lane.finalizing(lane.start.final, first)).state
  const second = lane.block(after.final)
  const done = lane.fold(lane.finalizing(after.final, second), after).state
  const third = lane.block(done.final)
  const records = [
    ...lane.finalizing(lane.start.final, first),
    ...lane.finalizing(after.final, second),
    third,
    lane.accept(after.final, second, 'd'),
    ...['a', 'b', 'c'].map((who) => lane.accept(done.final, third, who)),
  ]
  const log = logOf(records.map(bytesOf))
  const anchor = find(log.slice(0, -3))
  expect(anchor).toMatchObject({ final: done.final, nextOffset: 15n, at: 1_007 })
  expect(read(new LaneReader(3, lane.rules, anchor), log).final.height).toBe(3n)
  expect(find(log)?.final.height).toBe(3n)
})

test('old records appended again do not take it back', () => {
  const log = history([0, 0, 0])
  const again = logOf([...log, ...log.slice(0, 8)].map(({ value }) => value))
  expect(find(again)).toEqual(find(log))
})

test('what cannot be an anchor', () => {
  const block = lane.block(lane.start.final)
  const after = lane.fold(lane.finalizing(lane.start.final, block)).state
  const child = lane.block(after.final, { registrySize: 2 })
  const parent = lane.finalizing(lane.start.final, block)
  const tail = (...votes: ChainRecord[]) => find(logOf([...parent, child, ...votes].map(bytesOf)), 2)
  const accept = (who: string, code?: number) =>
    lane.accept(after.final, child, who, code === undefined ? [] : [{ entry: 0, code }])
  expect(find(logOf(parent.map(bytesOf)))).toBeUndefined()
  expect(tail(accept('a'), accept('b'))).toBeUndefined()
  expect(tail(accept('a'), accept('b'), accept('b'))).toBeUndefined()
  expect(tail(accept('a'), accept('b'), lane.reject(child, 'c'))).toBeUndefined()
  expect(tail(accept('a'), accept('b'), accept('c', 1))).toBeUndefined()
  expect(tail(accept('a'), accept('b'), lane.accept(after.final, child, 'x'))).toBeUndefined()
  const judgement = accept('c').vote.judgement
  expect(tail(accept('a'), accept('b'), lane.vote(child, 'c', judgement, { signer: 'd' }))).toBeUndefined()
  expect(tail(accept('a'), accept('b'), accept('c'))).toMatchObject({ final: { height: 2n } })
  // under a registry state that is not known here, nobody can say whose votes count
  const log = logOf([...parent, child, accept('a'), accept('b'), accept('c')].map(bytesOf))
  expect(find(log, 1)).toBeUndefined()
})
