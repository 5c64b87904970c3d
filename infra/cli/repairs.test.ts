import { expect, test } from '@jest/globals'
import { type RepairRow, repairLines } from './commands/repairs.js'

const row: RepairRow = {
  ...{
    id: 'r',
    kind: 'reproject',
    lane: 2,
    subject: 'blocks 3 to 5',
    fault: 'rows-differ',
    status: 'completed',
    by: 'projector',
  },
  ...{
    requestedAt: new Date(0),
    completedAt: new Date(1_250),
    tookMillis: 1_250,
    detail: 'store.profiles: 1 differs',
    events: 2,
  },
}

test('a person is told what broke, why, what it took, and what is under way', () => {
  const text = repairLines([
    row,
    { ...row, lane: null, subject: 'the database', status: 'requested', completedAt: null, tookMillis: null },
    { ...row, requestedAt: null, status: 'failed' },
  ]).join('\n')
  expect(text).toMatch(/1970-01-01 00:00:00 .*reproject .*lane 2, blocks 3 to 5 .*rows-differ .*completed .*1\.250 s .*projector/)
  expect(text).toMatch(/│ the database .*under way/)
  expect(text).toMatch(/1970-01-01 00:00:01 .*failed/)
  expect(text).toContain('3 repairs: 1 completed, 1 under way, 1 failed')
})

test('an outage is told as what was away, and for how long', () => {
  const away = {
    kind: 'wait',
    lane: null,
    subject: 'PostgreSQL',
    fault: 'database-away',
    detail: 'it is back',
    tookMillis: 61_500,
  }
  expect(repairLines([{ ...row, ...away }]).join('\n')).toMatch(
    / wait .*│ PostgreSQL .*database-away .*completed .*61\.500 s .*projector .*it is back/,
  )
})

test('where nothing broke, that is said', () => {
  expect(repairLines([])).toEqual(['nothing was repaired, and nothing is under way'])
})
