import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { variedChain } from '../testing/chain.js'
import { copyLog } from '../testing/log-copies.js'
import { cases } from '../testing/thorough.js'
import { dump } from './dump.js'
import { decodeRecord, encodeRecord } from './dump-format.js'
import { dumpSource } from './dump-source.js'
import type { LogSource, SourceRecord } from './log-source.js'
import { verify } from './verify.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dump-test-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function all(source: LogSource): Promise<SourceRecord[]> {
  const records: SourceRecord[] = []
  for (const topic of ['registry', 'readings', 'chain', 'checkpoints', 'repairs', 'rejections'] as const)
    for (const partition of (await source.endOffsets(topic)).keys())
      for await (const record of source.read(topic, partition)) records.push(record)
  return records
}

test('a dump holds every record as it was, and verifies like the log itself', async () => {
  const chain = variedChain()
  const progress: unknown[] = []
  const { records } = await dump(chain.log, join(folder, 'new'), (each) => progress.push(each))
  const source = await dumpSource(join(folder, 'new'))
  const [there, here] = [await all(source), await all(chain.log)]
  expect(there).toEqual(here)
  expect(records).toBe(here.length)
  expect(progress.at(-1)).toEqual({ done: records, total: records })
  expect(await source.endOffsets('chain')).toEqual(await chain.log.endOffsets('chain'))
  expect(await source.endOffsets('repairs')).toEqual(new Map())
  const [a, b] = [await verify({ source }), await verify({ source: chain.log })]
  expect(a).toEqual({ ...b, summary: { ...b.summary, seconds: expect.any(Number) } })
})

test('what was appended, or deleted, during the dump is not in it', async () => {
  const chain = variedChain()
  const log = copyLog(chain.log, { registry: 1, readings: 2, chain: 2 })
  const source: LogSource = {
    endOffsets: (topic) => log.endOffsets(topic),
    read: async function* (topic, partition) {
      if (topic === 'readings') {
        log.append('readings', partition, Buffer.from('late'))
        log.records('readings', partition).splice(0, 2)
      }
      yield* log.read(topic, partition)
    },
  }
  const before = await log.endOffsets('readings')
  await dump(source, folder)
  const ranges = await (await dumpSource(folder)).endOffsets('readings')
  expect(ranges.get(0)).toEqual({ low: 2n, high: before.get(0)?.high })
  expect((await verify({ source: await dumpSource(folder) })).fault).toBeUndefined()
})

test('a folder with something in it is left alone', async () => {
  await writeFile(join(folder, 'mine'), 'x')
  await expect(dump(variedChain().log, folder)).rejects.toThrow(/is not empty/)
  expect(await readdir(folder)).toEqual(['mine'])
})

test('a dump that is cut off, damaged in its lengths, or without its manifest is said to be so', async () => {
  await dump(variedChain().log, folder)
  const file = join(folder, 'chain-1.records')
  const bytes = await readFile(file)
  const damaged = async (change: Buffer) => {
    await writeFile(file, change)
    return verify({ source: await dumpSource(folder) }).then(
      () => 'passed',
      (error: Error) => `${error.name}: ${error.message}`,
    )
  }
  await truncate(file, bytes.length - 1)
  expect(await damaged(bytes.subarray(0, -1))).toMatch(
    /^DumpDamagedError: .*chain-1.records ends within the record that begins at byte \d+$/,
  )
  const first = 4 + bytes.readUInt32BE(0)
  expect(await damaged(bytes.subarray(first))).toMatch(/^DumpDamagedError: .* holds \d+ records, and the manifest says \d+$/)
  for (const [at, value] of [
    [0, 0x7fffffff],
    [0, 3],
    [20, 0x7ffffff],
    [20, -5],
    [24, 1],
  ] as const) {
    const copy = Buffer.from(bytes)
    copy.writeInt32BE(value, at)
    expect(await damaged(copy)).toMatch(/^DumpDamagedError: .*chain-1.records, the record at byte 0: RangeError/)
  }
  await rm(join(folder, 'manifest.json'))
  await expect(dumpSource(folder)).rejects.toThrow(/manifest.json is not the manifest of a dump/)
})

test('any record comes back from its bytes', () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 50 }).map((each) => Buffer.from(each)))
  const record = fc.record({ offset: fc.bigInt(0n, 2n ** 62n), timestamp: fc.nat(), key: bytes, value: bytes })
  fc.assert(
    fc.property(record, fc.uint8Array({ maxLength: 9 }), (each, after) => {
      const encoded = encodeRecord(each)
      expect(decodeRecord(Buffer.concat([encoded, after]))).toEqual({ record: each, length: encoded.length })
      for (const length of [0, 3, encoded.length - 1]) expect(decodeRecord(encoded.subarray(0, length))).toBeUndefined()
    }),
    cases(100),
  )
})

test('the ten lines of Python in the README read a dump', async () => {
  const { log } = variedChain()
  await dump(log, folder)
  const readme = await readFile(join('infra', 'verify', 'README.md'), 'utf8')
  const [, script = ''] = /```python\n(.*)```/s.exec(readme) ?? []
  const count = `${script}\nimport sys\nfound = list(records(sys.argv[1]))\nprint(len(found), found[-1][0], found[0][3].hex())`
  const printed = execFileSync('python3', ['-c', count, join(folder, 'chain-0.records')], { encoding: 'utf8' })
  const records = log.records('chain', 0)
  expect(printed.trim()).toBe(`${records.length} ${records.at(-1)?.offset} ${records[0]?.value?.toString('hex')}`)
})
