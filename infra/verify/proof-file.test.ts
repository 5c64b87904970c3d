import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { leafHash } from '../../schemas/merkle.js'
import { proveEntry } from '../../schemas/prove-entry.js'
import { saveGenesis } from '../registry/genesis.js'
import { TestLane } from '../testing/final-blocks.js'
import { testRegistry } from '../testing/registry.js'
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
