import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { OpenRepairs } from '../infra/repairs/open-repairs.js'
import { decodeRepair, encodeRepair, type Header, type Repair } from '../schemas/records.js'
import { Epochs } from './epochs.js'
import { Rebuild } from './rebuild.js'

const folder = mkdtempSync(join(tmpdir(), 'rebuild-'))
const warned: string[] = []
const logger = pino({ level: 'warn' }, { write: (line: string) => void warned.push(JSON.parse(line).msg) })
let told: Repair[]
let home: string
let count = 0
beforeEach(() => {
  told = []
  home = join(folder, String(count++))
})
afterAll(() => rmSync(folder, { recursive: true }))
const tell = async (event: Repair) => void told.push(event)
/** As a validator starts. */
const begin = (why: string | undefined, beganAt = 1_000) =>
  Rebuild.begin({ by: 'authority-2', why, beganAt, open: new OpenRepairs(home, logger), tell })

test('a rebuild is told when it begins, and once when it is done, under one id and with its duration', async () => {
  const rebuild = await begin('a checksum failed')
  expect(told).toMatchObject([{ kind: 'rebuild', status: 'requested', at: 1_000, tookMillis: null, detail: 'a checksum failed' }])
  await rebuild?.done()
  await rebuild?.done()
  expect(told).toMatchObject([{}, { status: 'completed', by: 'authority-2', lane: -1 }])
  expect(told[1]?.tookMillis).toBe((told[1]?.at ?? 0) - 1_000)
  expect(new Set(told.map(({ id }) => id))).toEqual(new Set(['rebuild/authority-2/1000']))
  for (const event of told) expect(decodeRepair(encodeRepair(event))).toEqual(event)
  expect(await begin(undefined)).toBeUndefined()
})

test('one that the end of the process cut off goes on where its state was kept; where that is lost too, another begins', async () => {
  await begin('a checksum failed')
  const again = await begin(undefined, 2_000)
  expect(told).toHaveLength(1)
  await begin('there was no state', 3_000)
  const ends = told.map(({ id, status, detail }) => [id, status, detail])
  expect(ends).toEqual([
    ['rebuild/authority-2/1000', 'requested', 'a checksum failed'],
    ['rebuild/authority-2/1000', 'failed', 'cut off when authority-2 ended'],
    ['rebuild/authority-2/3000', 'requested', 'there was no state'],
  ])
  await again?.done()
  expect(told.at(-1)).toMatchObject({ id: 'rebuild/authority-2/1000', status: 'completed', detail: 'a checksum failed' })
})

test('a file of what is under way that is damaged, or cannot be written, stops nothing', async () => {
  await begin('a checksum failed')
  writeFileSync(join(home, 'repairs.json'), '[{"id":')
  expect(await begin(undefined)).toBeUndefined()
  expect(warned.splice(0)).toEqual(['what was under way cannot be read; it is not told to its end'])
  home = join(folder, 'file')
  writeFileSync(home, '')
  const rebuild = await begin('there was no state')
  await rebuild?.done()
  expect(told.slice(-2).map(({ status }) => status)).toEqual(['requested', 'completed'])
  expect(new Set(warned.slice(1))).toEqual(new Set(['what is under way cannot be kept']))
  expect(readFileSync(home, 'utf8')).toBe('')
})

test('a source epoch is told once it began, and when a block of its lane takes it up, by the times of the logs', () => {
  const epochs = new Epochs('a')
  const final = (lane: number, sourceEpoch: number, timestamp: number) =>
    epochs.settled({ lane, header: { height: 7n, sourceEpoch } as Header, timestamp })
  expect(epochs.requested({ lane: 1, epoch: 2, since: 500 })).toEqual({
    ...{ id: 'epoch/1/2', kind: 'epoch', lane: 1, subject: 'readings', fault: 'readings-lost', status: 'requested', by: 'a' },
    ...{ at: 500, tookMillis: null, range: null, detail: 'source epoch 2 began: its readings are read from their start' },
  })
  expect([...final(0, 2, 600), ...final(1, 1, 700)]).toEqual([])
  expect(final(1, 2, 900)).toMatchObject([
    { id: 'epoch/1/2', status: 'completed', at: 900, tookMillis: 400, detail: 'the block of height 7 takes up source epoch 2' },
  ])
  expect(final(1, 2, 901)).toEqual([])
})
