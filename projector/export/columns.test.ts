import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../../infra/testing/thorough.js'
import { cellOf, columnOf, expressionOf, textOf } from './columns.js'

const column = (type: string) => columnOf('each', type, '')

describe('a column of a view', () => {
  test('of a type that has no place in a file is named', () => {
    for (const type of ['jsonb', 'double precision', 'boolean[]', 'timestamp without time zone'])
      expect(() => column(type)).toThrow(`column each has type ${type}`)
  })

  test('keeps whole numbers beyond 2^53, and decimals, to the last digit', () => {
    expect(cellOf(column('bigint'), '9007199254740993')).toBe(9_007_199_254_740_993n)
    expect(cellOf(column('numeric'), '-0.000000000001')).toBe(-1n)
    expect(cellOf(column('numeric'), '12')).toBe(12_000_000_000_000n)
    expect(cellOf(column('numeric'), '1.5000000000000000')).toBe(1_500_000_000_000n)
    expect(cellOf(column('numeric'), '0.0000')).toBe(0n)
    expect(cellOf(column('bigint[]'), '["9007199254740993",null]')).toEqual([9_007_199_254_740_993n, null])
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 37n), 10n ** 37n), fc.integer({ min: 0, max: 12 }), (value, digits) => {
        const text = String(value < 0n ? -value : value).padStart(digits + 1, '0')
        const at = text.length - digits
        const sign = value < 0n ? '-' : ''
        const written = `${sign}${text.slice(0, at)}${digits === 0 ? '' : `.${text.slice(at)}`}`
        const cell = () => cellOf(column('numeric'), written)
        const scaled = value * 10n ** BigInt(12 - digits)
        if (scaled < 10n ** 38n && scaled > -(10n ** 38n)) expect(cell()).toBe(scaled)
        else expect(cell).toThrow('Parquet files of ours hold decimals of 38 digits')
      }),
      cases(100),
    )
  })

  test('refuses a decimal that would lose a digit', () => {
    for (const text of ['0.0000000000001', `1${'0'.repeat(26)}`, 'NaN', 'Infinity'])
      expect(() => cellOf(column('numeric'), text)).toThrow(`each is ${text}`)
  })

  test('is the same value in Parquet and in CSV', () => {
    const both = (type: string, text: string | null) => [cellOf(column(type), text), textOf(column(type), text)]
    expect(both('text', '')).toEqual(['', ''])
    expect(both('text', null)).toEqual([null, null])
    expect(both('boolean', 't')).toEqual([true, 'true'])
    expect(both('boolean', 'f')).toEqual([false, 'false'])
    expect(both('date', '15765')).toEqual([15_765, '2013-03-01'])
    expect(both('timestamp with time zone', '1362096000000001')).toEqual([1_362_096_000_000_001n, '2013-03-01T00:00:00.000001Z'])
    expect(both('timestamp with time zone', '-1')).toEqual([-1n, '1969-12-31T23:59:59.999999Z'])
    expect(both('bytea', '00ff')).toEqual([Buffer.from([0, 255]), '00ff'])
    expect(both('text[]', '["a","b,c"]')).toEqual([['a', 'b,c'], '["a","b,c"]'])
  })

  test('is asked for by name, whatever is in the name', () => {
    expect(expressionOf(columnOf('a"b', 'smallint', ''))).toBe('"a""b"')
  })
})
