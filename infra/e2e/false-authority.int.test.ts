/** One of four authorities is false, under load: what it seals and votes changes nothing, and costs nobody a reading. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import { leafHash } from '../../schemas/merkle.js'
import { decodeChainRecord, decodeRepair, type Repair, splitEntries } from '../../schemas/records.js'
import { FalseAuthority, type Struck } from '../chaos/false-authority.js'
import { type Fate, WRONG_KINDS, WRONGS, type Wrong } from '../chaos/wrong-block.js'
import { readLog } from '../kafka/log-reader.js'
import type { Running, Runtime } from '../stage-runtime.js'
import { Authorities } from '../testing/authorities.js'
import { fullTest } from '../testing/full.js'
import { type LaneLoad, startLaneLoad } from '../testing/lane-load.js'
import { testAuthorityKey } from '../testing/registry.js'
import { projectAndAudit } from '../testing/tables.js'
import { until } from '../testing/until.js'
import { kafkaSource } from '../verify/kafka-source.js'
import { verify } from '../verify/verify.js'

const HONEST = [1, 2, 3]
const FALSE = 'authority-4'
const LOADED = [0, 1, 3]
/** Has no load, so that a registry state can grow old in it; its first block is the false authority's turn. */
const IDLE = 2
const METERS = Array.from({ length: 40 }, (_, index) => `meter-${index + 1}`)
const REST_MILLIS = 250
const STALE_MILLIS = 10_500
const MINUTE = 60_000

let all: Authorities
let runtime: Runtime & Running
let liar: FalseAuthority
let load: LaneLoad
let startedAt = 0

beforeAll(async () => {
  all = await Authorities.open({ authorities: 4, lanes: 4, meters: METERS.length })
  await Promise.all(HONEST.flatMap((n) => [all.start('chainer', n), all.start('validator', n)]))
  runtime = await all.open('false-authority')
  liar = await FalseAuthority.start(runtime, testAuthorityKey(FALSE))
  startedAt = Date.now()
  load = startLaneLoad(all, METERS, LOADED, REST_MILLIS)
}, 2 * MINUTE)
afterAll(async () => {
  await load?.finish()
  await liar?.stop()
  await runtime?.stop()
  await all?.close()
}, MINUTE)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

async function votesOn(lane: number, block: Buffer) {
  const part = { kafka: all.kafka, topicPrefix: all.config.topicPrefix, topic: 'chain', partition: lane, from: 0n } as const
  const votes: { authority: string; said: string | undefined }[] = []
  for await (const { value } of readLog(part)) {
    const record = decodeChainRecord(value)
    if (record?.kind !== 'vote' || !record.vote.block.equals(block)) continue
    const { authority, judgement } = record.vote
    votes.push({ authority, said: judgement.kind === 'accept' ? 'accept' : faultOfCode(judgement.fault)?.name })
  }
  return votes
}

/** Until the others have dealt with one: where an honest block came first, the false one is only another sibling. */
async function struck(lane: number, how: Wrong): Promise<{ struck: Struck; said: string }> {
  for (let tries = 0; tries < 8; tries++) {
    const done = await liar.strike(lane, how)
    if (lane === IDLE) await all.send(IDLE, [Buffer.from('something to seal')])
    await all.untilFinal(lane, `height ${done.height} after a block with ${how}`, ({ height }) => height >= done.height)
    const fate = WRONGS[how]
    if ('skipped' in fate) {
      const at = await until(`the fate of ${how}`, MINUTE, () =>
        liar.skipped.find((each) => each.lane === lane && each.offset === done.offset),
      )
      if (at.reason !== 'not-next') return { struck: done, said: at.reason }
    } else {
      const votes = await votesOn(lane, done.hash)
      const said = new Set(votes.map((vote) => vote.said))
      if (votes.length > 0) return { struck: done, said: [...said].join() }
    }
  }
  throw new Error(`${how}: an honest block came first each time`)
}

/** Each lane deals with its share, one after the other; they are refused as they must be, and others seal instead. */
async function expectRefused(kinds: readonly Wrong[]): Promise<void> {
  const seen = new Map<Wrong, { struck: Struck; said: string; lane: number }>()
  const loaded = kinds.filter((how) => how !== 'stale-registry-state')
  const share = (lane: number) => {
    if (lane === IDLE) return kinds.filter((how) => how === 'stale-registry-state')
    return loaded.filter((_, index) => LOADED[index % LOADED.length] === lane)
  }
  const work = async (lane: number) => {
    const isOld = () => lane !== IDLE || Date.now() - startedAt > STALE_MILLIS
    if (share(lane).length > 0) await until('a registry state that is old', MINUTE, isOld)
    for (const how of share(lane)) seen.set(how, { ...(await struck(lane, how)), lane })
  }
  await Promise.all([...LOADED, IDLE].map(work))
  expect([...seen].map(([how, { said }]) => [how, said]).sort()).toEqual(kinds.map((how) => [how, fateOf(how)]).sort())
  for (const { struck, lane } of seen.values()) {
    const { finals } = await all.read(lane)
    const instead = finals[Number(struck.height) - 1]
    const before = finals[Number(struck.height) - 2]
    expect(instead?.hash.equals(struck.hash)).toBe(false)
    expect(instead?.header.proposer).not.toBe(FALSE)
    expect(instead?.header.firstOffset).toBe((before?.header.lastOffset ?? -1n) + 1n)
  }
}

function fateOf(how: Wrong): string {
  const fate: Fate = WRONGS[how]
  return 'skipped' in fate ? fate.skipped : fate.rejected
}

const FAST: readonly Wrong[] = ['bad-root', 'omitted-entry', 'too-early']
/** What was told of blocks that went void. */
async function voidBlocksTold(): Promise<Repair[]> {
  const told: Repair[] = []
  for (const partition of [...LOADED, IDLE]) {
    const part = { kafka: all.kafka, topicPrefix: all.config.topicPrefix, topic: 'repairs', partition, from: 0n } as const
    for await (const { value } of readLog(part)) {
      const repair = decodeRepair(value)
      if (repair !== undefined) told.push(repair)
    }
  }
  return told.filter(({ kind, fault }) => kind === 'reseal' && fault === 'void-block')
}

test(
  'a wrong block is refused for what it is, and an honest authority seals the same offsets; it is told, with the grounds',
  async () => {
    await expectRefused(FAST)
    const told = await until('a re-seal to its end', MINUTE, async () => {
      const events = await voidBlocksTold()
      return events.some(({ status }) => status === 'completed') && events
    })
    const [requested, completed] = ['requested', 'completed'].map((status) => told.find((each) => each.status === status))
    const grounds = FAST.filter((how) => 'rejected' in WRONGS[how]).map(fateOf)
    expect(requested?.detail).toMatch(new RegExp(`^its block of height \\d+ was rejected: .*(${grounds.join('|')}) \\d`))
    expect(completed).toMatchObject({ subject: FALSE, detail: expect.stringMatching(/^authority-[123] sealed height \d+/) })
    expect(completed?.tookMillis).toBeGreaterThanOrEqual(0)
  },
  2 * MINUTE,
)
fullTest(
  'so is one that is wrong in any other way',
  () => expectRefused(WRONG_KINDS.filter((how) => !FAST.includes(how))),
  2 * MINUTE,
)

test(
  'another verdict, and two accepts that contradict each other, change nothing while the others agree',
  async () => {
    const lane = all.lookAt(0)
    const newest = async () => (await lane.look()).finals.at(-1)?.header.height ?? 0n
    for (const voting of ['other-verdict', 'contradicts'] as const) {
      const from = await newest()
      liar.voting = voting
      const seen = async () => {
        const { finals, outcomes } = await lane.look()
        const later = finals.filter(({ header }) => header.height > from + 1n)
        const isContradicted = voting === 'other-verdict' || outcomes.includes('contradiction')
        if (!isContradicted || later.length < 3) return false
        const votes = await Promise.all(later.map(({ hash }) => votesOn(0, hash)))
        return votes.filter((on) => on.some(({ authority }) => authority === FALSE)).length >= 3 && later
      }
      for (const { votes, notCounted } of await until(`blocks on which it ${voting}`, MINUTE, seen)) {
        expect(votes.map(({ vote }) => vote.authority).sort()).toEqual(HONEST.map((n) => `authority-${n}`))
        expect(notCounted).toEqual([])
      }
    }
    liar.voting = 'silent'
  },
  2 * MINUTE,
)

test(
  'every reading that the log acknowledged is final once; verify and audit find nothing',
  async () => {
    const ends = await load.finish()
    for (const [lane, offset] of ends) await all.untilCovered(lane, offset)
    const leaves: string[] = []
    for (const lane of [...LOADED, IDLE]) {
      const { finals } = await all.read(lane)
      const sent: Buffer[] = []
      const part = {
        kafka: all.kafka,
        topicPrefix: all.config.topicPrefix,
        topic: 'readings',
        partition: lane,
        from: 0n,
      } as const
      for await (const { value } of readLog(part)) sent.push(...splitEntries(value))
      expect(finals.flatMap(({ block }) => block.entries)).toEqual(sent)
      const counted = finals.flatMap(({ block, notCounted }) => {
        const dropped = new Set(notCounted.map(({ entry }) => entry))
        return block.entries.filter((_, index) => !dropped.has(index))
      })
      leaves.push(...counted.map((entry) => hex(leafHash(entry))))
    }
    expect(load.acknowledged.size).toBeGreaterThan(0)
    expect(leaves.toSorted()).toEqual([...load.acknowledged].sort())
    const { chainId } = all.ledger
    const { fault } = await verify({ source: kafkaSource(all.kafka, all.config.topicPrefix), chainId })
    expect(fault).toBeUndefined()
    const audited = await projectAndAudit(runtime, { ...all.config, projectorPort: 0, queryPort: 0 })
    expect(audited).toMatchObject({ differenceCount: 0 })
    expect(audited.rowsCompared).toBeGreaterThan(load.acknowledged.size)
  },
  2 * MINUTE,
)
