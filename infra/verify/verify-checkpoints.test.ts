import { beforeEach, describe, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { sha256 } from '../../schemas/hash.js'
import { encodeCosignature } from '../../schemas/records.js'
import { TestChain } from '../testing/chain.js'
import { rewrite } from '../testing/log-copies.js'
import { TestCheckpoints } from '../testing/test-checkpoints.js'
import { slowTest } from '../testing/thorough.js'
import { describeFault } from './fault.js'
import { resultLines } from './report.js'
import type { Skip } from './skips.js'
import { verify } from './verify.js'

const AUTHORITIES = ['authority-1', 'authority-2', 'authority-3', 'authority-4']
let chain: TestChain
let checkpoints: TestCheckpoints

beforeEach(() => {
  chain = new TestChain({ authorities: 4, lanes: 2 })
  checkpoints = new TestCheckpoints(chain)
  grow()
})

function grow(): void {
  chain.send(1)
  chain.finalizeAll()
}

const both = () => [checkpoints.leafOf(0), checkpoints.leafOf(1)]

async function verified() {
  const skips: Skip[] = []
  const result = await verify({ source: chain.log, onSkipped: (skip) => skips.push(skip) })
  const reasons = skips.filter(({ topic }) => topic === 'checkpoints').map(({ reason }) => reason)
  return { ...result, fault: result.fault && describeFault(result.fault), reasons }
}

test('a chain with checkpoints: the newest one, and who signed it', async () => {
  checkpoints.finalize(both())
  grow()
  const { size, root } = checkpoints.finalize(both())
  for (const authority of AUTHORITIES.slice(0, 3)) checkpoints.sign(authority)
  grow()
  const { fault, summary, reasons } = await verified()
  expect(fault).toBeUndefined()
  const signers = AUTHORITIES.slice(0, 3)
  expect(summary.checkpoint).toEqual({ size: 4, root: hex(root), signers })
  expect(size).toBe(4)
  expect(reasons).toEqual([])
  expect(resultLines({ fault: undefined, summary }, 'chain id')).toContain(
    `checkpoint: 4 blocks, root ${hex(root)}, signed by authority-1, authority-2, authority-3`,
  )
})

test('before the first checkpoint, and before its first signature', async () => {
  const lines = async () => resultLines({ fault: undefined, summary: (await verified()).summary }, 'chain id').join('\n')
  expect(await lines()).toMatch('checkpoint: none yet')
  checkpoints.finalize(both())
  expect(await lines()).toMatch(/checkpoint: 2 blocks, root [0-9a-f]{64}, signed by nobody yet/)
})

describe('a lane that is not what a checkpoint says', () => {
  test('another block: found where the checkpoint ends', async () => {
    checkpoints.finalize([{ ...checkpoints.leafOf(0), block: sha256() }, checkpoints.leafOf(1)])
    expect((await verified()).fault).toBe(
      'lane 0, height 1, topic chain: the checkpoints name another block or verdict, here or below: this lane was altered, or they are false',
    )
  })
  test('another verdict below', async () => {
    const [first, other] = both()
    grow()
    if (first === undefined || other === undefined) throw new Error('two lanes')
    checkpoints.finalize([{ ...first, verdict: sha256() }, checkpoints.leafOf(0), other])
    expect((await verified()).fault).toMatch(/^lane 0, height 2, topic chain: the checkpoints name another block or verdict/)
  })
  test('its end is missing', async () => {
    checkpoints.finalize([checkpoints.leafOf(0), { ...checkpoints.leafOf(0), height: 2n }])
    expect((await verified()).fault).toBe(
      'lane 0, height 2, topic chain: a checkpoint covers this lane up to height 2, and the log makes 1 final: its end is missing',
    )
  })
})

describe('a final checkpoint that no honest authority accepts', () => {
  test.each([
    ['a registry of another root', { registryRoot: sha256() }, /height 1, topic checkpoints at offset \d+: its registry root/],
    ['a registry that is not there', { registrySize: 99 }, /it names a registry of 99 events/],
    ['another source epoch', { sourceEpoch: 1, firstOffset: 0n, lastOffset: 1n }, /source epoch 1, not 0/],
    ['a verdict', { notCounted: [{ entry: 0, code: 1 }] }, /its verdict leaves entries out/],
    ['no leaf', { entries: [Buffer.from('x')] }, /entry 0 is no leaf of a lane/],
  ])('%s', async (_what, changes, reason) => {
    checkpoints.finalize(both(), changes)
    expect((await verified()).fault).toMatch(reason)
  })
})

describe('signatures', () => {
  test('of strangers, of witnesses and such that do not hold are named', async () => {
    const head = checkpoints.finalize(both())
    checkpoints.sign('authority-9')
    checkpoints.sign('authority-1', head, 1_700_000_000)
    checkpoints.append(encodeCosignature({ ...head, authority: 'authority-1', timestamp: 0, signature: Buffer.alloc(64) }))
    checkpoints.append(Buffer.from('not one'))
    const { fault, reasons, summary } = await verified()
    expect(fault).toBeUndefined()
    expect(summary.checkpoint?.signers).toEqual([])
    expect(reasons).toEqual([
      'unknown-authority: "authority-9" signed a checkpoint',
      'unverified: "authority-1" signed as a witness, whose key the chain does not hold',
      'bad-signature: of "authority-1" on a checkpoint',
      'undecodable: not a record in canonical form',
    ])
  })
  test('of one on another log’s head are named; of more than 2/3 of the weight they are a fault', async () => {
    checkpoints.finalize(both())
    const other = { size: 2, root: sha256() }
    checkpoints.sign('authority-1', other)
    const { fault, reasons } = await verified()
    expect(fault).toBeUndefined()
    expect(reasons).toEqual(['contradiction: "authority-1" signed a checkpoint of size 2 that is none of this log'])
    checkpoints.sign('authority-2', other)
    checkpoints.sign('authority-3', other)
    expect((await verified()).fault).toMatch(
      /^topic checkpoints: more than 2\/3 of the weight signed a checkpoint that is none of this log: size and root 2 [0-9a-f]{64}$/,
    )
  })
})

slowTest('a signature again, after many checkpoints more, is no sign of another log', async () => {
  chain = new TestChain({ authorities: 1, lanes: 1 })
  checkpoints = new TestCheckpoints(chain)
  const grown = () => {
    chain.finalizeAll()
    return checkpoints.finalize([checkpoints.leafOf(0)])
  }
  const first = grown()
  checkpoints.sign('authority-1')
  for (let count = 0; count < 256; count++) grown()
  checkpoints.sign('authority-1', first)
  const { fault, reasons } = await verified()
  expect(fault).toBeUndefined()
  expect(reasons).toEqual(['late: "authority-1" signed a checkpoint of long before'])
})

test('a record of the checkpoints’ log is missing: found by the votes on what came after it', async () => {
  checkpoints.finalize(both())
  grow()
  checkpoints.finalize(both())
  rewrite(chain.log, { topic: 'checkpoints', partition: 0, index: 0 }, (records) => void records.shift())
  expect((await verified()).fault).toMatch(/^height 1, topic checkpoints: a block of height 1 was accepted by more than 2\/3/)
})
