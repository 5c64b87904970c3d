import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { expect, test } from '@jest/globals'
import { fromHex, hex } from '../../schemas/bytes.js'
import { leafHash } from '../../schemas/merkle.js'
import { splitEntries } from '../../schemas/records.js'
import { addFaultyEntries, framed, TestChain, variedChain } from '../testing/chain.js'
import { flipAt, rewrite } from '../testing/log-copies.js'
import { testAuthorityKey, testGenesis } from '../testing/registry.js'
import { slowTest } from '../testing/thorough.js'
import { describeFault } from './fault.js'
import { describeSkip } from './skips.js'
import { otherTip, tipsOf } from './tips.js'
import { type VerifyOptions, verify } from './verify.js'

async function verifyChain(chain: TestChain, options: Partial<VerifyOptions> = {}) {
  const skips: string[] = []
  const result = await verify({
    source: chain.log,
    chainId: chain.chainId,
    onSkipped: (skip) => skips.push(describeSkip(skip)),
    ...options,
  })
  return { ...result, skips }
}

const smallChain = (): TestChain => {
  const chain = new TestChain({ lanes: 1, meters: 2 })
  chain.send(2)
  chain.finalizeAll()
  return chain
}

test('a chain with something of everything holds, and its summary counts what is in it', async () => {
  const chain = variedChain()
  const progress: number[] = []
  const { fault, summary, skips } = await verifyChain(chain, { onProgress: ({ done, total }) => progress.push(done / total) })
  expect(fault).toBeUndefined()
  expect(summary).toMatchObject({ chainId: hex(chain.chainId), network: 'test', registryEvents: chain.registry.state.size })
  for (const { lane, height, hash, verdictHash } of summary.lanes) {
    const final = chain.final(lane)
    expect({ height, hash, verdictHash }).toEqual({
      height: final.height,
      hash: hex(final.hash),
      verdictHash: hex(final.verdictHash),
    })
  }
  const entries = [0, 1].flatMap((lane) => chain.log.records('readings', lane).flatMap(({ value }) => splitEntries(value)))
  expect(summary.lanes.reduce((sum, each) => sum + each.entries, 0)).toBe(entries.length)
  for (const { entries: all, counted, notCounted } of summary.lanes) {
    expect(Object.values(notCounted).reduce((sum, each) => sum + each, counted)).toBe(all)
    expect(notCounted).toMatchObject({ malformed: 2, 'bad-signature': 1 })
  }
  // Every vote but the late ones on the candidate that did not become final.
  const votes =
    [0, 1].flatMap((lane) => chain.log.records('chain', lane)).length -
    summary.lanes.reduce((sum, each) => sum + Number(each.height) + each.unsettled, 0)
  expect(summary.lanes.reduce((sum, each) => sum + each.votes, 0)).toBe(
    votes - skips.filter((each) => each.includes('no-such-candidate')).length,
  )
  expect(summary.lanes.map((each) => each.unsettled)).toEqual([1, 0])
  expect(progress.at(-1)).toBe(1)
})

test('nothing is left in the temporary folder', async () => {
  const ours = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('meterchain-verify-')).length
  const before = await ours()
  await verifyChain(smallChain())
  expect(await ours()).toBeLessThanOrEqual(before)
})

test('a final verdict that counts what must not count, leaves out what counts, or says another reason', async () => {
  const chain = new TestChain({ lanes: 1, meters: 1 })
  addFaultyEntries(chain)
  const right = chain.seal(0).notCounted
  const [first, ...others] = right
  const wrongs = [others, [...right, { entry: 2, code: 5 }].sort((a, b) => a.entry - b.entry), [{ entry: 0, code: 2 }, ...others]]
  const texts: string[] = []
  for (const notCounted of wrongs) {
    const wrong = new TestChain({ lanes: 1, meters: 1 })
    addFaultyEntries(wrong)
    wrong.finalize(0, { notCounted })
    const { fault } = await verifyChain(wrong)
    texts.push(fault === undefined ? 'none' : describeFault(fault))
  }
  expect(first).toEqual({ entry: 0, code: 1 })
  expect(texts).toEqual([
    'lane 0, height 1, entry 0, topic chain at offset 0: the final verdict counts it; derived again, the verdict does not count it (malformed)',
    'lane 0, height 1, entry 2, topic chain at offset 0: the final verdict does not count it (bad-signature); derived again, the verdict counts it',
    'lane 0, height 1, entry 0, topic chain at offset 0: the final verdict does not count it (wrong-lane); derived again, the verdict does not count it (malformed)',
  ])
})

test('a final block of another registry root, of a registry that is not there, or of another source epoch', async () => {
  const reasonOf = async (changes: Parameters<TestChain['finalize']>[1]) => {
    const chain = smallChain()
    chain.finalize(0, changes)
    const { fault } = await verifyChain(chain)
    expect(fault).toMatchObject({ topic: 'chain', lane: 0, height: 2n })
    return fault?.reason
  }
  expect(await reasonOf({ registryRoot: Buffer.alloc(32, 1) })).toMatch(/registry root 0101.* is not that of size 2/)
  expect(await reasonOf({ registrySize: 9 })).toBe('it names a registry of 9 events, and the topic holds 2 that count')
  expect(await reasonOf({ sourceEpoch: 1, firstOffset: 0n, lastOffset: -1n })).toBe('its source epoch is 1, the registry says 0')
})

test('entries that are not those of the records: another, one too few, one out of nothing, records that are not there', async () => {
  const reasonOf = async (change: (chain: TestChain, entries: Buffer[]) => void) => {
    const chain = new TestChain({ lanes: 1, meters: 2 })
    chain.send(2)
    change(
      chain,
      chain.log.records('readings', 0).flatMap(({ value }) => splitEntries(value)),
    )
    const { fault } = await verifyChain(chain)
    expect(fault).toMatchObject({ topic: 'chain', lane: 0 })
    return fault && `${fault.height} ${fault.entry}: ${fault.reason}`
  }
  expect(await reasonOf((chain, [a, b, c]) => chain.finalize(0, { entries: [a, b, c, c] as Buffer[] }))).toBe(
    '1 3: it is not the entry that stands at offset 1 of readings',
  )
  expect(await reasonOf((chain, entries) => chain.finalize(0, { entries: entries.slice(0, 3) }))).toMatch(
    /^1 3: it is not the entry/,
  )
  expect(await reasonOf((chain, entries) => chain.finalize(0, { entries: [...entries, Buffer.from('x')] }))).toBe(
    '1 4: the block holds 5 entries, and readings hold 4 in offsets 0 to 1',
  )
  expect(await reasonOf((chain) => chain.finalize(0, { lastOffset: 7n }))).toBe(
    '1 undefined: it covers readings up to offset 7, and the topic ends before 2',
  )
  expect(
    await reasonOf((chain, entries) => {
      chain.finalizeAll()
      chain.finalize(0, { entries: entries.slice(0, 1) })
    }),
  ).toBe('2 0: it holds entries, and covers no record of readings')
})

test('records of readings that were deleted are not compared, and the summary says from where on they were', async () => {
  const chain = smallChain()
  chain.send(2)
  chain.finalizeAll()
  const records = chain.log.records('readings', 0)
  records.splice(0, 1)
  expect((await verifyChain(chain)).summary.lanes).toMatchObject([{ height: 2n, readingsFrom: 1n }])
  records.splice(0, 1)
  expect((await verifyChain(chain)).summary.lanes).toMatchObject([{ readingsFrom: 2n }])
  expect(flipAt(chain.log, { topic: 'readings', partition: 0, index: 1 }, 500)).toBe(true)
  expect((await verifyChain(chain)).fault).toMatchObject({ lane: 0, height: 2n, entry: 2 })
})

test('readings whose partition was lost: blocks of the epoch before are not compared with what is there now', async () => {
  const chain = smallChain()
  chain.submit({ kind: 'SetSourceEpoch', lane: 0, epoch: 1 })
  chain.log.records('readings', 0).splice(0)
  chain.send(1)
  chain.finalize(0, { lastOffset: 0n, entries: splitEntries(chain.log.records('readings', 0)[0]?.value ?? null) })
  const { fault, summary, skips } = await verifyChain(chain)
  expect(fault).toBeUndefined()
  expect(summary.lanes).toMatchObject([{ height: 2n, readingsFrom: 0n }])
  expect(skips).toEqual([])
})

slowTest(
  'a block of more entries than allowed is a fault unless it is one record',
  async () => {
    const chain = new TestChain({ lanes: 1, meters: 1 })
    const meter = chain.meter('meter-1')
    for (let record = 0; record < 11; record++)
      chain.append(
        0,
        Array.from({ length: 1_000 }, () => meter.next()),
      )
    chain.finalizeAll()
    expect((await verifyChain(chain)).fault).toMatchObject({
      height: 1n,
      reason: '11000 entries are more than 10000, of 11 records',
    })
  },
  30_000,
)

test('the meter’s own chain goes on across blocks', async () => {
  const chain = smallChain()
  const meter = chain.meter('meter-1')
  meter.previous = leafHash(Buffer.from('another'))
  chain.send(1, ['meter-1'])
  chain.finalizeAll()
  expect((await verifyChain(chain)).summary.lanes[0]?.notCounted).toEqual({ 'broken-link': 1 })
})

test('trust: the chain that is named, or the first in the topic; another, or none, is a fault', async () => {
  const chain = smallChain()
  expect((await verifyChain(chain, { chainId: undefined })).summary.chainId).toBe(hex(chain.chainId))
  expect((await verifyChain(chain, { chainId: Buffer.alloc(32, 5) })).fault).toMatchObject({
    topic: 'registry',
    reason: expect.stringMatching(/is of chain .*, not of 0505/),
  })
  const records = chain.log.records('registry', 0)
  flipAt(chain.log, { topic: 'registry', partition: 0, index: 0 }, 600)
  const damaged = await verifyChain(chain)
  expect(damaged.fault?.reason).toBe(`the topic holds no valid genesis of chain ${hex(chain.chainId)}`)
  expect(damaged.summary).toMatchObject({ chainId: undefined, lanes: [], registryEvents: 0 })
  expect(damaged.skips[0]).toMatch(/^registry\/0 offset 0: /)
  records.splice(0)
  expect((await verifyChain(chain, { chainId: undefined })).fault?.reason).toBe('the topic holds no valid genesis')
})

test('a second genesis, and a signature that no rule needed and that does not hold, are named', async () => {
  const chain = new TestChain({ authorities: 4, lanes: 1, meters: 1 })
  chain.log.append('registry', 0, framed('registry', testGenesis({ lanes: 9 })))
  chain.submit({ kind: 'SetRules', rules: 2 }, [
    ...chain.authorities(),
    { id: 'stranger', secretKey: testAuthorityKey('stranger').secretKey },
  ])
  const { fault, skips, summary } = await verifyChain(chain)
  expect(fault).toBeUndefined()
  expect(skips).toEqual([
    expect.stringMatching(/^registry\/0 offset 2: other-state/),
    "registry/0 offset 3: bad-signature: the event counts, and the signature of 'stranger' in it does not hold",
  ])
  expect(summary.skipped).toEqual({ 'registry other-state': 1, 'registry bad-signature': 1 })
})

test('a block that is lost, or whose votes come before it, is missed: later votes show that it was there', async () => {
  const lost = new TestChain({ authorities: 4, lanes: 1, meters: 2 })
  for (let block = 0; block < 3; block++) {
    lost.send(1)
    lost.finalizeAll()
  }
  rewrite(lost.log, { topic: 'chain', partition: 0, index: 0 }, (records) => records.splice(5, 1))
  const { fault } = await verifyChain(lost)
  expect(fault).toMatchObject({ lane: 0, height: 2n, reason: expect.stringMatching(/height 2 was accepted by more than 2\/3/) })
})

test('evidence is named: an authority that accepts a block twice, with two verdicts', async () => {
  const chain = new TestChain({ authorities: 4, lanes: 1, meters: 2 })
  chain.send(1)
  const sealed = chain.seal(0)
  chain.vote(sealed, 'authority-1')
  chain.vote(sealed, 'authority-1', chain.accept(sealed, [{ entry: 0, code: 5 }]))
  chain.vote(sealed, 'authority-2', { kind: 'reject', fault: 37, detail: 'early' })
  for (const id of ['authority-2', 'authority-3', 'authority-4']) chain.vote(sealed, id)
  const { fault, skips } = await verifyChain(chain)
  expect(fault).toBeUndefined()
  expect(skips).toEqual([
    'chain/0 offset 2: contradiction: vote of "authority-1" on height 1 accepts a second time, with another verdict',
  ])
})

test('what a lane’s fold has no use for is named: garbage, and blocks and votes of nobody', async () => {
  const chain = smallChain()
  chain.log.append('chain', 0, Buffer.from('garbage'))
  chain.log.append('chain', 0, null)
  chain.seal(0, { proposer: 'stranger' })
  const sealed = chain.seal(0)
  chain.vote(sealed, 'stranger')
  const { fault, skips, summary } = await verifyChain(chain)
  expect(fault).toBeUndefined()
  expect(summary.lanes).toMatchObject([{ height: 1n, unsettled: 1 }])
  expect(skips).toEqual([
    'chain/0 offsets 2 to 3: undecodable: neither a block nor a vote in canonical form',
    'chain/0 offset 4: unknown-proposer: block of height 2 by "stranger"',
    'chain/0 offset 6: unknown-voter: vote of "stranger" on height 2',
  ])
})

test('a lane without a partition is a fault', async () => {
  const chain = smallChain()
  const source = { endOffsets: async () => new Map(), read: chain.log.read.bind(chain.log) }
  expect((await verifyChain(chain, { source })).fault).toMatchObject({ topic: 'chain', lane: 0 })
})

test('expected tips: another height, another hash, a lane too many or too few', async () => {
  const chain = variedChain()
  const { summary } = await verifyChain(chain)
  const tips = tipsOf(summary.lanes)
  expect((await verifyChain(chain, { expectTips: tips })).fault).toBeUndefined()
  const tip = tips['1'] ?? { height: 0, hash: '' }
  for (const wrong of [
    { ...tip, height: 4 },
    { ...tip, hash: hex(fromHex(tip.hash).reverse()) },
  ]) {
    const { fault } = await verifyChain(chain, { expectTips: { ...tips, 1: wrong } })
    expect(fault).toMatchObject({
      lane: 1,
      height: BigInt(tip.height),
      reason: expect.stringContaining(`expected was height ${wrong.height}`),
    })
  }
  expect(otherTip({ ...tips, 2: tip }, summary.lanes)).toMatchObject({
    lane: 2,
    reason: expect.stringMatching(/ends at no such lane/),
  })
  expect(otherTip({ 0: tips['0'] ?? tip }, summary.lanes)).toMatchObject({
    lane: 1,
    reason: expect.stringMatching(/expected was no such lane/),
  })
})
