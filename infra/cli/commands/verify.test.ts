import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { hex } from '../../../schemas/bytes.js'
import { saveGenesis } from '../../registry/genesis.js'
import { captureOutput } from '../../testing/capture-output.js'
import { type TestChain, variedChain } from '../../testing/chain.js'
import { copyLog, flipAt } from '../../testing/log-copies.js'
import { testGenesis } from '../../testing/registry.js'
import { dump } from '../../verify/dump.js'
import { verifyCommand } from './verify.js'

let folder: string
let chain: TestChain
const file = (name: string) => join(folder, name)

/** Runs the command in this process: what it printed, and its exit code. */
const run = (...args: string[]) => captureOutput(() => verifyCommand().exitOverride().parseAsync(args, { from: 'user' }))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-command-'))
  chain = variedChain()
  chain.log.append('checkpoints', 0, Buffer.from('not one'))
  await dump(chain.log, file('dump'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a dump that holds: what it came to, by what it was trusted, what was named', async () => {
  await saveGenesis(file('genesis.json'), chain.registry.genesis)
  const { code, out } = await run('--from', file('dump'), '--genesis', file('genesis.json'))
  expect(code).toBe(0)
  const text = out.join('\n')
  expect(text).toMatch(`chain ${hex(chain.chainId)} (test), trusted by: genesis file`)
  expect(text).toMatch(
    new RegExp(`lane 1: height ${chain.final(1).height}, block ${hex(chain.final(1).hash)}, readings compared from offset 0 on`),
  )
  expect(text).toMatch(/lane 0: .*1 candidates did not become final/)
  expect(text).toMatch(/skipped checkpoints\/0 offset 0: undecodable/)
  expect(text).toMatch(/skipped or not vouched for: 1 of checkpoints: undecodable/)
  expect(text).toMatch(/entries: \d+, of which \d+ count and \d+ do not \(.*malformed 4/)
  expect(out.at(-1)).toMatch(/^verified in \d+\.\d s$/)
})

test('without a genesis the first in the topic is believed, and said so; a chain id is enough to trust', async () => {
  expect((await run('--from', file('dump'))).out).toContain(
    `chain ${hex(chain.chainId)} (test), trusted by: first genesis in the topic`,
  )
  expect((await run('--from', file('dump'), '--chain-id', hex(chain.chainId))).out.join()).toMatch(/trusted by: chain id/)
  const wrong = await run('--from', file('dump'), '--chain-id', '00'.repeat(32))
  expect(wrong).toMatchObject({ code: 1 })
  expect(wrong.out.at(-1)).toMatch(/^FAULT: topic registry at offset 0: the genesis is of chain/)
  await saveGenesis(file('other.json'), testGenesis({ lanes: 7 }))
  await expect(run('--genesis', file('other.json'), '--chain-id', hex(chain.chainId), '--from', file('dump'))).rejects.toThrow(
    /is the genesis of chain/,
  )
  await expect(run('--chain-id', 'abc')).rejects.toThrow(/not hexadecimal/)
})

test('tips that were written hold against the same log, and fail against a shorter one', async () => {
  expect((await run('--from', file('dump'), '--write-tips', file('tips.json'))).code).toBe(0)
  const tips = JSON.parse(await readFile(file('tips.json'), 'utf8'))
  expect(tips['0']).toEqual({ height: Number(chain.final(0).height), hash: hex(chain.final(0).hash) })
  expect((await run('--from', file('dump'), '--expect-tips', file('tips.json'))).code).toBe(0)
  const log = copyLog(chain.log, { registry: 1, readings: 2, chain: 2 })
  const records = log.records('chain', 1)
  records.splice(records.length - 6)
  await dump(log, file('shorter'))
  const { code, out } = await run('--from', file('shorter'), '--expect-tips', file('tips.json'))
  expect(code).toBe(1)
  expect(out.at(-1)).toMatch(/^FAULT: lane 1, height \d+, topic chain: it ends at height \d+/)
  await writeFile(file('tips.json'), '{"zero":1}')
  await expect(run('--from', file('dump'), '--expect-tips', file('tips.json'))).rejects.toThrow(/is not a file of tips/)
})

test('--json: one object on stdout, with the fault by its place', async () => {
  const good = await run('--from', file('dump'), '--json')
  expect(good.out).toHaveLength(1)
  expect(good.err.join('\n')).toMatch(/skipped checkpoints\/0/)
  const height = Number(chain.final(0).height)
  const report = JSON.parse(good.out[0] ?? '')
  expect(report).toMatchObject({
    ok: true,
    trust: 'first genesis in the topic',
    chainId: hex(chain.chainId),
    lanes: [{ lane: 0, height }, { lane: 1 }],
  })
  expect(report.totals.entries).toBeGreaterThan(report.totals.counted)
  expect(report.skips).toContainEqual(expect.objectContaining({ topic: 'checkpoints', partition: 0, from: 0, to: 0 }))

  const log = copyLog(chain.log, { registry: 1, readings: 2, chain: 2 })
  flipAt(log, { topic: 'readings', partition: 1, index: 0 }, 400)
  await dump(log, file('flipped'))
  const bad = await run('--from', file('flipped'), '--json')
  expect(bad.code).toBe(1)
  expect(JSON.parse(bad.out[0] ?? '')).toMatchObject({
    ok: false,
    fault: { topic: 'chain', lane: 1, height: 1, entry: 0, text: expect.stringMatching(/^lane 1, height 1, entry 0/) },
  })
})

test('a proof that cannot be read is a fault', async () => {
  await saveGenesis(file('genesis.json'), chain.registry.genesis)
  await writeFile(file('proof.json'), '{}')
  const { code, out } = await run('--proof', file('proof.json'), '--genesis', file('genesis.json'))
  expect(code).toBe(1)
  expect(out[0]).toMatch(/^FAULT: .*proof.json: /)
})

test('the help has examples', async () => {
  const { out } = await captureOutput(async () => verifyCommand().outputHelp())
  expect(out.join('\n')).toMatch(/meterchain verify --genesis genesis.json/)
})
