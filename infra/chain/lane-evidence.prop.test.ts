import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { hex } from '../../schemas/bytes.js'
import { EVIDENCE_EACH, type Evidence } from '../../schemas/evidence.js'
import type { FinalBlock } from '../../schemas/lane-fold.js'
import { type ChainRecord, decodeChainRecord, encodeBlock, encodeSignedVote, type SignedVote } from '../../schemas/records.js'
import { type BlockRecord, TestLane } from '../testing/lane.js'
import { cases, isThorough } from '../testing/thorough.js'
import { type Certified, LaneEvidence } from './lane-evidence.js'
import { type Finalized, LaneReader, type LaneRecord } from './lane-reader.js'

const WHO = ['a', 'b', 'c', 'd']
const LANE = 3
const lane = new TestLane([1, 1, 1, 1], LANE)
const bytesOf = (record: ChainRecord): Buffer =>
  record.kind === 'block'
    ? encodeBlock(record.headerBytes, record.seal, record.entries)
    : encodeSignedVote(record.voteBytes, record.signature)

const step = fc.record({
  act: fc.constantFrom('seal', 'accept', 'accept', 'accept', 'accept', 'other', 'reject', 'again'),
  who: fc.nat(3),
  /** How many blocks, or records, ago. */
  ago: fc.constantFrom(0, 0, 0, 0, 1, 2, 5),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A log in which anybody signs anything, as it stands when each step follows what the log has made final. */
function logOf(steps: readonly Step[]): { log: LaneRecord[]; contradicted: Set<string> } {
  const reader = new LaneReader(LANE, lane.rules, undefined)
  const blocks: { block: BlockRecord; parent: FinalBlock }[] = []
  const log: LaneRecord[] = []
  const contradicted = new Set<string>()
  for (const [i, { act, who, ago }] of steps.entries()) {
    const proposer = WHO[who] ?? ''
    const target = blocks.at(-1 - ago)
    let value: Buffer | null = null
    if (act === 'again') value = log.at(-1 - ago)?.value ?? null
    else if (act === 'seal' || target === undefined) {
      const parent = reader.state.final
      const block = lane.block(parent, { proposer, entries: [Buffer.from([i])], attempt: i })
      blocks.push({ block, parent })
      value = bytesOf(block)
    } else if (act === 'reject') value = bytesOf(lane.reject(target.block, proposer))
    else {
      const notCounted = act === 'other' ? [{ entry: 0, code: 5 }] : []
      value = bytesOf(lane.accept(target.parent, target.block, proposer, notCounted))
    }
    const record = { offset: BigInt(i), timestamp: i, value }
    log.push(record)
    const { outcome } = reader.take(record)
    if (outcome.kind === 'contradiction') contradicted.add(`${outcome.second.vote.authority} ${hex(outcome.candidate.hash)}`)
  }
  return { log, contradicted }
}

const finalsOf = (reader: LaneReader, log: readonly LaneRecord[]): Finalized[] =>
  log.flatMap((record) => reader.take(record).finalized ?? [])

/** What whoever begins at a block knows of it: the tables keep no more. */
function certifiedOf({ header, hash, votes }: Finalized, parent: FinalBlock): Certified {
  const accepts = votes.flatMap(({ bytes }): SignedVote[] => {
    const record = decodeChainRecord(bytes)
    return record?.kind === 'vote' ? [record] : []
  })
  return { parent, header, hash, accepts }
}

function finalOf({ header, hash, verdictHash }: Finalized): FinalBlock {
  const { height, registrySize, sourceEpoch, lastOffset } = header
  return { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset }
}

function expectSound(evidence: Evidence, finals: ReadonlySet<string>): void {
  const records = evidence.originals.map(({ record }) => decodeChainRecord(record))
  const votes = records.flatMap((record) => (record?.kind === 'vote' ? [record.vote] : []))
  for (const { block, height } of votes) expect([block, height]).toEqual([evidence.block, evidence.height])
  if (evidence.kind === 'contradiction') {
    expect(votes.map(({ authority, judgement }) => [authority, judgement.kind])).toEqual(
      Array(2).fill([evidence.authority, 'accept']),
    )
    expect(votes[0]).not.toEqual(votes[1])
    return
  }
  expect(records[0]).toMatchObject({ kind: 'block', header: { proposer: evidence.authority } })
  expect(new Set(votes.map(({ authority }) => authority)).size).toBeGreaterThanOrEqual(2)
  expect(votes.every(({ judgement }) => judgement.kind === 'reject')).toBe(true)
  expect(finals.has(hex(evidence.block))).toBe(false)
}

test('whatever is signed, evidence is sound and bounded, misses no contradiction, and is the same from any final block on', () => {
  const seen = { 'void-block': 0, contradiction: 0, late: 0 }
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80, size: 'max' }), (steps) => {
      const { log } = logOf(steps)
      const whole = finalsOf(new LaneReader(LANE, lane.rules, undefined, new LaneEvidence(LANE, lane.rules)), log)
      const hashes = new Set(whole.map(({ hash }) => hex(hash)))
      const found = whole.flatMap(({ evidence }) => evidence)
      for (const each of found) expectSound(each, hashes)
      for (const { header, evidence } of whole) {
        for (const each of evidence) {
          const same = evidence.filter(({ kind, authority }) => kind === each.kind && authority === each.authority)
          expect(same.length).toBeLessThanOrEqual(EVIDENCE_EACH)
          seen[each.kind === 'void-block' ? each.kind : 'contradiction']++
          if (each.height < header.height) seen.late++
        }
      }
      const kept = new Set(found.map(({ authority, block }) => `${authority} ${hex(block)}`))
      // the last height is open: nothing is written of it yet
      const { contradicted } = logOf(steps.slice(0, Number(whole.at(-1)?.nextOffset ?? 0n)))
      for (const each of contradicted) if (!kept.has(each)) expect(found.length).toBeGreaterThanOrEqual(EVIDENCE_EACH)
      for (const [i, each] of whole.entries()) {
        const before = whole[i - 1]
        const parent = before === undefined ? lane.start.final : finalOf(before)
        const evidence = new LaneEvidence(LANE, lane.rules, certifiedOf(each, parent))
        const reader = new LaneReader(LANE, lane.rules, { final: finalOf(each), nextOffset: each.nextOffset }, evidence)
        expect(finalsOf(reader, log.slice(Number(each.nextOffset)))).toEqual(whole.slice(i + 1))
      }
    }),
    cases(150, 20),
  )
  if (isThorough) for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0)
})
