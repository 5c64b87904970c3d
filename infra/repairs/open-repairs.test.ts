import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import type { Repair } from '../../schemas/records.js'
import { OpenRepairs } from './open-repairs.js'
import { ToldRepair } from './repair-events.js'

const logged: string[] = []
const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) })
const NOTE = { kind: 'reproject', lane: 0, subject: 'block 7', fault: 'rows-differ', by: 'projector' } as const
let folder: string
let told: Repair[]
const tell = async (event: Repair) => void told.push(event)
const nextLife = () => new OpenRepairs(folder, logger)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'open-repairs-'))
  told = []
  logged.length = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a repair that the end of the process cut off is told as failed by the next one, once', async () => {
  const cutOff = new ToldRepair(NOTE, nextLife().through(tell, 'reproject'), Date.now() - 5_000)
  await cutOff.requested('1 row is another')
  const next = nextLife()
  next.keep({ ...NOTE, id: 'wait/1', kind: 'wait', detail: 'd', began: 1 })
  await next.endCutOff('reproject', tell)
  expect(told).toMatchObject([
    { id: cutOff.id, status: 'requested' },
    { ...NOTE, id: cutOff.id, status: 'failed', detail: 'cut off when projector ended' },
  ])
  expect(told[1]?.tookMillis).toBeGreaterThanOrEqual(5_000)
  // of another kind, for others to go on with
  const last = nextLife()
  expect(last.all().map(({ id }) => id)).toEqual(['wait/1'])
  await last.endCutOff('reproject', tell)
  expect(told).toHaveLength(2)
})

test('a repair that was told to its end leaves nothing; one whose end the log did not take is kept', async () => {
  let isAway = false
  const open = nextLife()
  const telling = open.through(async (event) => {
    if (isAway) throw new Error('the broker is away')
    told.push(event)
  }, 'reproject')
  const repair = new ToldRepair(NOTE, telling)
  await repair.requested('1 row is another')
  isAway = true
  await expect(repair.ended('completed', 'done')).rejects.toThrow('the broker is away')
  expect(
    nextLife()
      .all()
      .map(({ id }) => id),
  ).toEqual([repair.id])
  isAway = false
  await repair.ended('completed', 'done')
  expect(nextLife().all()).toEqual([])
})

test('a file that cannot be read says nothing, and a folder that cannot be written stops nobody', () => {
  writeFileSync(join(folder, 'repairs.json'), '{')
  expect(nextLife().all()).toEqual([])
  expect(logged.join()).toContain('what was under way cannot be read')
  const nowhere = new OpenRepairs(join(folder, 'repairs.json'), logger)
  nowhere.keep({ ...NOTE, id: 'r', detail: 'd', began: 1 })
  expect(nowhere.all()).toHaveLength(1)
  expect(logged.join()).toContain('what is under way cannot be kept')
})
