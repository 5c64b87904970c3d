import { expect, test } from '@jest/globals'
import { table } from './table.js'

test('cells of every kind are told exactly, and nothing is coloured', () => {
  const cells = [null, undefined, new Date(0), Buffer.from([1, 255]), { lanes: [1] }, 12n, true, 'text']
  const text = table(
    ['what'],
    cells.map((each) => [each]),
  )
  expect(text).not.toContain('\u001b')
  const lines = text.split('\n').map((line) => line.replace(/[│┌┐└┘├┤─]/g, '').trim())
  expect(lines.filter((line, index) => line !== '' || (index > 2 && index < lines.length - 1))).toEqual([
    'what',
    '',
    '',
    '1970-01-01T00:00:00.000Z',
    '\\x01ff',
    '{"lanes":[1]}',
    '12',
    'true',
    'text',
  ])
})

test('a table without rows has its head', () => {
  expect(table(['lane', 'height'], [])).toMatch(/lane.*height/)
})
