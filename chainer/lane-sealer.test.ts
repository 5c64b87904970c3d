/** What a chainer does when the record of its block, or of another's, is damaged on the broker's disk. In memory: at just that moment. */
import { afterEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { LaneFeed } from '../infra/chain/lane-feeds.js'
import { LaneReader, laneRules } from '../infra/chain/lane-reader.js'
import { signVote } from '../infra/chain/sign-records.js'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { MemoryLog } from '../infra/testing/memory-log.js'
import { testRegistry } from '../infra/testing/registry.js'
import { until } from '../infra/testing/until.js'
import { verdictHash } from '../schemas/lane-fold.js'
import type { NotCounted } from '../schemas/records.js'
import { LaneSealer, type SealerDeps } from './lane-sealer.js'

const WIGGLE_MILLIS = 4
const LANE = 0
const sealers: LaneSealer[] = []
afterEach(() => Promise.all(sealers.splice(0).map((sealer) => sealer.stop())))

/** One authority's sealer over a log in memory, of which a reader finds what `isReadable` lets it find. */
function sealing(isReadable: (record: number) => boolean) {
  const { state, chainId, authorityKeys } = testRegistry()
  const [key] = authorityKeys
  if (key === undefined) throw new Error('the test’s registry has no authority')
  const log = new MemoryLog({ chain: 1 })
  const rules = laneRules(state, sodiumSignatures.verify)
  const feed = new LaneFeed(new LaneReader(LANE, rules, undefined), 0)
  const failures: Error[] = []
  const read = () => {
    feed.chainEnd = BigInt(log.records('chain', LANE).length)
    for (const { offset, timestamp, value } of log.records('chain', LANE).slice(Number(feed.reader.nextOffset))) {
      const { finalized } = feed.reader.take({ offset, timestamp, value: isReadable(Number(offset)) ? value : null })
      if (finalized !== undefined) feed.settled(finalized)
    }
    sealer.poke()
  }
  const append = (value: Buffer) => {
    const { offset } = log.append('chain', LANE, value)
    setImmediate(read)
    return offset
  }
  const sealer = new LaneSealer(feed, {
    ...{ key, logger: pino({ level: 'silent' }), ids: { frame: (_name: string, bytes: Buffer) => bytes } },
    registry: { state, caughtUp: async () => undefined },
    writer: {
      append: async (_topic: string, _lane: number, [message]: { value: Buffer }[]) => append(message?.value ?? Buffer.alloc(0)),
    },
    policy: { ageMillis: 0, maxEntries: 10, maxBytes: 10_000, wiggleMillis: WIGGLE_MILLIS },
    ...{ changedAt: () => 0, onSealed: () => undefined, onFatal: (error: Error) => void failures.push(error) },
  } as unknown as SealerDeps)
  sealers.push(sealer)
  const accept = () => {
    const [candidate] = feed.reader.state.candidates
    if (candidate === undefined) throw new Error('there is nothing to vote on')
    const notCounted: NotCounted[] = []
    const verdict = verdictHash(feed.reader.state.final.verdictHash, notCounted)
    const judgement = { kind: 'accept' as const, notCounted, verdictHash: verdict }
    const vote = { lane: LANE, height: candidate.header.height, block: candidate.hash, authority: key.id, judgement }
    append(signVote(chainId, vote, key))
  }
  feed.push({ offset: 0n, timestamp: Date.now(), key: null, value: Buffer.from('an entry') })
  read()
  const blocks = () => log.records('chain', LANE).map(({ value }) => value?.toString('hex'))
  return { feed, failures, accept, blocks }
}

test('a block that nobody votes on is appended again, ever more seldom, until somebody does', async () => {
  const { feed, failures, accept, blocks } = sealing(() => true)
  const began = Date.now()
  await until('three copies', 20_000, () => blocks().length >= 3)
  expect(Date.now() - began).toBeGreaterThanOrEqual(20 * WIGGLE_MILLIS)
  expect(new Set(blocks()).size).toBe(1)
  accept()
  await until('a final block', 20_000, () => feed.reader.state.final.height === 1n)
  expect(feed.reader.state.candidates).toEqual([])
  expect(failures).toEqual([])
})

test('where nobody could read the block that was sealed, another is sealed in its place', async () => {
  const { feed, failures, accept, blocks } = sealing((record) => record >= 2)
  await until('a candidate', 20_000, () => feed.reader.state.candidates.length > 0)
  expect(blocks().length).toBeGreaterThanOrEqual(3)
  accept()
  await until('a final block', 20_000, () => feed.reader.state.final.height === 1n)
  expect(failures).toEqual([])
})
