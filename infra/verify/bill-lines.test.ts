import { expect, test } from '@jest/globals'
import { checkBill } from '../../schemas/tariff/check-bill.js'
import { proveBill } from '../../schemas/tariff/prove-bill.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { billChain } from '../testing/vectors/bill-chain.js'
import { billLines, gapReason } from './bill-lines.js'

const chain = billChain()
const linesOf = (month: string, events?: number[]) => {
  const checked = checkBill(proveBill(chain.held('point', month, ['new', 'old'], events)), chain.genesis, sodiumSignatures)
  if (!checked.ok) throw new Error(checked.reason)
  expect(gapReason(checked.proved)).toBeUndefined()
  return billLines(checked.proved)
}

test('who reads a proof is told what it shows, and what it does not', () => {
  const lines = linesOf('2026-03')
  expect(lines).toContain('  night (plan day and night, event 2): 35.984000000000 kWh of 22 values at 0.1951 EUR = 7.02')
  expect(lines).toContain('  standing (plan day and night, event 2): 20 days at 0.1500 EUR = 3.00')
  expect(lines).toContain('measured   intervals cover 2678400 of the month’s 2674800 s (100.13 %)')
  expect(lines).toContain('meter      old: sequences 3 to 21, 19 readings that count: none was left out between them')
  expect(lines.find((line) => line.startsWith('registry'))).toMatch(
    / all 8 events, .* no plan, signal, time zone or assignment was left out$/,
  )
  expect(lines.at(-2)).toContain('later corrections')
})

test('who reads a proof with some of the events is told that the others are not shown', () => {
  const lines = linesOf('2026-03', [1, 2, 3, 4, 5, 6, 7])
  expect(lines.find((line) => line.startsWith('registry'))).toMatch(/ 7 of 8 events, .* is not shown$/)
})

test('of a month without readings it is told who was there', () => {
  const lines = linesOf('2025-03')
  expect(lines).toContain('meter      new was not at the usage point then')
  expect(lines).toContain('meter      old: no reading is here')
  expect(lines.some((line) => line.startsWith('measured'))).toBe(false)
})
