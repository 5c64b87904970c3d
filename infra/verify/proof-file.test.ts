import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { proveConsistency, proveInclusion } from '../../schemas/checkpoint/prove.js'
import { leafHash } from '../../schemas/merkle.js'
import { proveEntry } from '../../schemas/prove-entry.js'
import { saveGenesis } from '../registry/genesis.js'
import { TestChain } from '../testing/chain.js'
import { TestCheckpoints } from '../testing/checkpoint-proofs.js'
import { TestLane } from '../testing/final-blocks.js'
import { testKeyPair, testRegistry } from '../testing/registry.js'
import { hourOf, SignedMeter } from '../testing/signed-meters.js'
import { verifyProofFile } from './proof-file.js'

const folder = mkdtempSync(join(tmpdir(), 'proof-'))
const kept = process.env.METERCHAIN_HOME
afterAll(() => {
  rmSync(folder, { recursive: true })
  if (kept === undefined) delete process.env.METERCHAIN_HOME
  else process.env.METERCHAIN_HOME = kept
})
const file = (name: string, content: string | Buffer) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const registry = testRegistry({ meters: 1, lanes: 1 })
const meter = new SignedMeter('meter-1', registry.chainId)
const [profile] = hourOf('meter-1', 1, Buffer.alloc(32)).profiles
if (profile === undefined) throw new Error('no profile')
const register = { obis: Buffer.from([1, 0, 1, 8, 0, 255]), unit: 30, at: 1_700_003_600 }
const entries = [
  meter.next({
    profiles: [
      {
        ...profile,
        values: [120, -5, 0, 210],
        scaler: -3,
        quality: [
          { code: 0, count: 3 },
          { code: 8, count: 1 },
        ],
      },
      { ...profile, values: Array<number>(100).fill(7), scaler: 3, unit: 99 },
    ],
    registers: [
      { ...register, scaler: 2, value: 0 },
      { ...register, scaler: 1, value: 12 },
    ],
  }),
  meter.next({ revises: 1 }),
  Buffer.from('garbage'),
  new SignedMeter('stranger', registry.chainId).next(),
]
const final = new TestLane(registry, 0).finalize(entries, [
  { entry: 2, code: 1 },
  { entry: 3, code: 3 },
])
const votes = final.votes.map(({ bytes }) => bytes)
const proofs = entries.map((_, i) =>
  proveEntry({ registry: registry.state, block: final.blockBytes, parent: undefined, votes }, i),
)
const path = (entry: number) => file(`${entry}.json`, JSON.stringify(proofs[entry]))
const genesisPath = file('genesis.bin', registry.genesis)

async function linesOf(entry: number, genesis: string | undefined = genesisPath): Promise<string[]> {
  const result = await verifyProofFile(path(entry), genesis)
  if (!result.ok) throw new Error(result.reason)
  return result.lines
}

test('says who proved what, with exact values, units and times', async () => {
  const lines = await linesOf(0)
  expect(lines.slice(0, 5)).toEqual([
    `chain      ${hex(registry.chainId)} (test)`,
    `block      lane 0, height 1, ${hex(final.hash)}`,
    `sealed     ${new Date(final.header.sealedAt).toISOString()} by its proposer’s clock`,
    'final by   authority-1: 1 of 1 of the weight',
    `entry      0, leaf hash ${hex(leafHash(entries[0] ?? Buffer.alloc(0)))}: it counts`,
  ])
  expect(lines.slice(5, 13)).toEqual([
    `signed by  the meter’s key ${hex(meter.keys.publicKey)}`,
    'meter      meter-1, sequence 1',
    'sent       2023-11-15T00:13:20.000Z by the meter’s clock',
    'channel    1-0:1.8.0*255',
    '  2023-11-14T23:13:20Z to 2023-11-14T23:28:20Z  0.120 Wh',
    '  2023-11-14T23:28:20Z to 2023-11-14T23:43:20Z  -0.005 Wh',
    '  2023-11-14T23:43:20Z to 2023-11-14T23:58:20Z  0.000 Wh',
    '  2023-11-14T23:58:20Z to 2023-11-15T00:13:20Z  0.210 Wh, quality 8',
  ])
  expect(lines[14]).toMatch(/ 7000 DLMS unit 99$/)
  expect(lines.slice(-3)).toEqual([
    '  and 4 more',
    'register   1-0:1.8.0*255 at 2023-11-14T23:13:20Z  0 Wh',
    'register   1-0:1.8.0*255 at 2023-11-14T23:13:20Z  120 Wh',
  ])
  expect(await linesOf(1)).toContain('meter      meter-1, sequence 2, corrects 1')
})

test('says of an entry that does not count why, and what of it is not proved', async () => {
  expect((await linesOf(2)).slice(4)).toEqual([
    expect.stringMatching(/: it does not count: malformed \(code 1\)$/),
    'content    cannot be read',
  ])
  expect(await linesOf(3)).toContain('meter      stranger (as it says; not proved), sequence 1')
})

test('takes the genesis in any form that it is handed on in, from the home folder if none is named', async () => {
  const expected = await linesOf(0)
  expect(await linesOf(0, file('genesis-1.json', JSON.stringify({ genesis: hex(registry.genesis) })))).toEqual(expected)
  await saveGenesis(join(folder, 'genesis.json'), registry.genesis)
  expect(await linesOf(0, join(folder, 'genesis.json'))).toEqual(expected)
  process.env.METERCHAIN_HOME = folder
  expect(await verifyProofFile(path(0), undefined)).toEqual({ ok: true, lines: expected })
})

test('says what is wrong with a file', async () => {
  expect(await verifyProofFile(genesisPath, genesisPath)).toEqual({ ok: false, reason: `${genesisPath} is no JSON` })
  expect(await verifyProofFile(file('x.json', '{}'), genesisPath)).toMatchObject({
    ok: false,
    reason: expect.stringMatching(/not of the form of a proof/),
  })
  expect(await verifyProofFile(path(0), path(0))).toMatchObject({
    ok: false,
    reason: expect.stringMatching(/^the genesis itself does not hold/),
  })
  await expect(verifyProofFile(join(folder, 'none'), genesisPath)).rejects.toThrow('ENOENT')
})

test('tells of a checkpoint over the block, of two checkpoints, of a block in one, and of a meter’s keys', async () => {
  const chain = new TestChain({ authorities: 4, lanes: 1, meters: 1 })
  const checkpoints = new TestCheckpoints(chain)
  chain.send(1)
  chain.finalizeAll()
  const older = checkpoints.cover()
  chain.finalizeAll()
  const newer = checkpoints.cover()
  const { state, genesis } = chain.registry
  const [leaf] = checkpoints.leaves
  if (leaf === undefined) throw new Error('no leaf')
  const genesisOfChain = file('genesis-of-chain.bin', genesis)
  const told = async (proof: unknown) => {
    const result = await verifyProofFile(file('proof.json', JSON.stringify(proof)), genesisOfChain)
    if (!result.ok) throw new Error(result.reason)
    return result.lines
  }
  const signed = 'signed by  authority-1, authority-2, authority-3: 3 of 4 of the weight'
  const [first, second] = [older, newer].map(({ size, root }) => `${size} final blocks, root ${hex(root)}`)
  const chainLine = `chain      ${hex(chain.chainId)} (test)`
  expect((await told(checkpoints.entry(newer, 0, 1n, 0))).slice(4, 6)).toEqual([
    `checkpoint ${second}; the block is leaf 0`,
    signed,
  ])
  expect(await told(proveConsistency(state, older, newer, checkpoints.nodes))).toEqual([
    ...[chainLine, `older      ${first}`, signed, `newer      ${second}`, signed],
    'so         the log of 2 begins with that of 1',
  ])
  expect(await told(proveInclusion(state, newer, checkpoints.nodes, { index: 0, leaf }))).toEqual([
    ...[chainLine, `block      lane 0, height 1, ${hex(leaf.block)}`, `verdict    ${hex(leaf.verdict)}`],
    ...[`checkpoint ${second}; the block is leaf 0`, signed],
  ])
  const keyLines = await told(checkpoints.meterKey(older, 'meter-1', 0, 1n))
  expect(keyLines).toContain(`checkpoint ${first}; the block is leaf 0`)
  expect(keyLines.slice(-3)).toEqual([
    `registry   2 events, root ${hex(state.root)}`,
    'meter      meter-1',
    `key        ${hex(testKeyPair('meter-1').publicKey)} from sequence 0 on, registered by event 1`,
  ])
  const { checkpoint: _left, ...without } = checkpoints.meterKey(older, 'meter-1', 0, 1n)
  expect((await told(without)).some((line) => line.startsWith('checkpoint'))).toBe(false)
  await expect(told({ kind: 'x' })).rejects.toThrow("there is no kind of proof 'x'")
  await expect(told({ kind: 'consistency' })).rejects.toThrow('not of the form of a proof of consistency')
})
