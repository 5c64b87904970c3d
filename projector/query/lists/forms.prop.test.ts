import { expect, test } from '@jest/globals'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { anyCodePoint } from '../../../infra/testing/any-code-point.js'
import { cases } from '../../../infra/testing/thorough.js'
import { cursorOf, keyOf } from './cursor.js'
import { csvHeader, csvLine, formatFor, jsonLine, objectOf } from './formats.js'
import { jsonOf } from './kinds.js'
import type { Column } from './list.js'
import { day, time } from './parameters.js'

const COLUMNS: Column[] = [
  { name: 'detail', kind: 'text', isNullable: true },
  { name: 'kwh', kind: 'decimal', isNullable: true },
  { name: 'problems', kind: 'texts', isNullable: true },
]
const anyText = fc.string({ unit: anyCodePoint })
const anyRow = fc.tuple(
  fc.option(anyText),
  fc.option(fc.bigInt().map((value) => `${value}.${String(value).slice(-1)}`)),
  fc.option(fc.array(anyText).map((list) => JSON.stringify(list))),
)

test('whatever stands in a row, CSV and NDJSON give it back, one record each', () => {
  fc.assert(
    fc.property(fc.array(anyRow), (rows) => {
      const records: string[][] = parse(csvHeader(COLUMNS) + rows.map((row) => csvLine(COLUMNS, row)).join(''), {
        recordDelimiter: '\r\n',
      })
      expect(records).toEqual([['detail', 'kwh', 'problems'], ...rows.map((row) => row.map((value) => value ?? ''))])
      const lines = rows.map((row) => jsonLine(COLUMNS, row))
      for (const line of lines) expect(line.indexOf('\n')).toBe(line.length - 1)
      expect(lines.map((line) => JSON.parse(line))).toEqual(rows.map((row) => objectOf(COLUMNS, row)))
    }),
    cases(100),
  )
})

test('empty text and no value are not the same in CSV', () => {
  expect(csvLine(COLUMNS, ['', null, null])).toBe('"",,\r\n')
})

test('a cursor gives its key back, and nothing else is one', () => {
  fc.assert(
    fc.property(
      fc.array(
        anyText.filter((text) => !text.includes('\0')),
        { minLength: 1 },
      ),
      (key) => {
        const cursor = cursorOf(key)
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(keyOf(cursor, key.length)).toEqual(key)
        expect(keyOf(cursor, key.length + 1)).toBeUndefined()
      },
    ),
    cases(100),
  )
  fc.assert(
    fc.property(fc.base64String(), (text) => keyOf(text, 2) === undefined),
    cases(100),
  )
  for (const odd of ['{}', '["a\\u0000"]', '[1]', '[null]', 'null', ''])
    expect(keyOf(Buffer.from(odd).toString('base64url'), 1)).toBeUndefined()
})

test.each([
  [undefined, 'json'],
  ['', undefined],
  ['*/*', 'json'],
  ['text/html, */*;q=0.1', 'json'],
  ['text/csv', 'csv'],
  ['TEXT/CSV; header=present', 'csv'],
  ['application/x-ndjson', 'ndjson'],
  ['application/*', 'json'],
  ['application/*;q=0.5, text/csv', 'csv'],
  ['application/json;q=0.2, application/x-ndjson;q=0.3', 'ndjson'],
  ['text/csv;q=0, text/*', undefined],
  ['text/csv;q=odd', undefined],
  ['text/csv;q=7', undefined],
  ['image/png', undefined],
] as const)('Accept: %s is served as %s', (accept, expected) => {
  expect(formatFor(accept)).toBe(expected)
})

test('values of PostgreSQL become JSON without a float', () => {
  expect(jsonOf('integer', '-4503599627370495')).toBe(-4_503_599_627_370_495)
  expect(() => jsonOf('integer', '9007199254740993')).toThrow('9007199254740993 is no whole number that JSON carries')
  expect(() => jsonOf('integer', '1.5')).toThrow('1.5 is no whole number')
  expect(jsonOf('decimal', '123456789012345678901234567890.123456789')).toBe('123456789012345678901234567890.123456789')
  expect([jsonOf('flag', 't'), jsonOf('flag', 'f'), jsonOf('integers', '[1, null]'), jsonOf('text', null)]).toEqual([
    true,
    false,
    [1, null],
    null,
  ])
})

test('times are ISO 8601 in UTC, to the microsecond, and none where there is no end', () => {
  expect(jsonOf('time', '2026-01-30 00:00:00+00')).toBe('2026-01-30T00:00:00Z')
  expect(jsonOf('time', '2026-01-30 00:00:00.000123+00')).toBe('2026-01-30T00:00:00.000123Z')
  expect(jsonOf('time', '12026-01-30 00:00:00+00')).toBe('+012026-01-30T00:00:00Z')
  expect([jsonOf('time', 'infinity'), jsonOf('time', '-infinity')]).toEqual([null, null])
  expect(() => jsonOf('time', '2026-01-30 00:00:00+01')).toThrow('is no time of PostgreSQL in UTC')
})

test('times that are asked for may have any offset, and any year', () => {
  expect(time.toSql('2026-01-30T01:30:00+01:30')).toBe('2026-01-30T00:00:00.000Z')
  expect(time.toSql('2016-12-31t23:59:60z')).toBe('2016-12-31T23:59:59.000Z')
  expect(time.toSql('0000-01-01T00:00:00Z')).toBe('0001-01-01T00:00:00.000Z')
  expect(time.toSql('9999-12-31T23:59:59-23:59')).toBe('9999-12-31T23:59:59.999Z')
  expect([day.toSql('0000-02-03'), day.toSql('2026-02-03')]).toEqual(['0001-02-03', '2026-02-03'])
})
