import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { compared, lclTotals } from './compare-lcl.js'

const folder = mkdtempSync(join(tmpdir(), 'lcl-'))
const HEAD = 'LCLid,tstp,energy(kWh/hh)\n'

function file(name: string, text: string, isPacked = false): string {
  const path = join(folder, name)
  writeFileSync(path, isPacked ? gzipSync(text) : text)
  return path
}

const LINES = `${HEAD}MAC1,2013-01-01 00:00:00.0000000, 0.1 
MAC1,2013-01-01 00:30:00.0000000, 0.2000000 
MAC1,2013-01-01 00:30:00.0000000, 9 
MAC1,2013-01-01 01:00:00.0000000,Null
MAC2,2013-01-01 00:00:00.0000000,1
`

test('counts and sums are exact; of two lines for one half hour the first counts; lines without a number are passed over', () => {
  const totals = lclTotals([file('plain.csv', LINES), file('more.csv.gz', `${HEAD}MAC2,2013-01-01 00:30:00,0.005\n`, true)])
  expect([...totals]).toEqual([
    ['MAC1', { intervals: 2, kwh: '0.3' }],
    ['MAC2', { intervals: 2, kwh: '1.005' }],
  ])
})

test('more digits than can be summed exactly are refused', () => {
  const path = file('fine.csv', `${HEAD}MAC1,2013-01-01 00:00:00,0.${'1'.repeat(19)}\n`)
  expect(() => lclTotals([path])).toThrow(RangeError)
})

test('meters are compared one by one, in order; one that the tables lack differs', () => {
  const files = new Map([
    ['b', { intervals: 2, kwh: '1.5' }],
    ['a', { intervals: 1, kwh: '0.1' }],
    ['c', { intervals: 1, kwh: '3' }],
  ])
  const tables = new Map([
    ['a', { intervals: 1, kwh: '0.1' }],
    ['b', { intervals: 2, kwh: '1.51' }],
  ])
  const { rows, intervals, ok } = compared(files, tables)
  expect(rows.map(({ meter, isEqual }) => [meter, isEqual])).toEqual([
    ['a', true],
    ['b', false],
    ['c', false],
  ])
  expect({ intervals, ok }).toEqual({ intervals: 4, ok: false })
  expect(compared(files, files).ok).toBe(true)
  expect(compared(new Map(), tables).ok).toBe(false)
})
