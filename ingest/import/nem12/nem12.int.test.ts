import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { nem12Totals, type TextTotals } from '../../../infra/testing/importable-files.js'
import { profilesOf, readContent, readImport } from '../../../infra/testing/read-import.js'
import { obisText } from '../../../schemas/obis.js'

const HEADER = '100,NEM12,202003011200,MDP,RETAILER'
const details = (suffix: string, uom = 'kWh', minutes = 30, nmi = 'NMI0000001') =>
  `200,${nmi},${suffix},1,${suffix},,SERIAL,${uom},${minutes},`
const values = (count: number, of: (n: number) => string = (n) => `${n}.5`) => Array.from({ length: count }, (_each, n) => of(n))
const day = (date: string, of: readonly string[], end = 'A,,,20200302120000,') => `300,${date},${of.join(',')},${end}`
const file = (...records: string[]) => `${[HEADER, ...records, '900'].join('\r\n')}\r\n`

describe('a day of NEM12', () => {
  test.each([
    [5, 288],
    [15, 96],
    [30, 48],
  ])('of %d minutes has %d values, the first at 0:00 of UTC+10, where no clock is ever changed', async (minutes, count) => {
    // Sydney lost an hour on 4 October 2020
    for (const [date, start] of Object.entries({ '20200301': '2020-02-29T14:00', '20201004': '2020-10-03T14:00' })) {
      const read = await readContent(file(details('E1', 'kWh', minutes), day(date, values(count))))
      expect(read.told).toEqual([])
      expect(profilesOf(read)).toEqual([
        {
          ...{ meter: 'NMI0000001', channel: '1-0:1.29.0*255', unit: 30, scaler: 0, step: minutes * 60, start, quality: [] },
          values: Array.from({ length: count }, (_each, n) => n * 1000 + 500),
        },
      ])
    }
  })

  test.each([
    ['E1', 'kWh', '1-0:1.29.0*255', 30],
    ['E2', 'KWH', '1-2:1.29.0*255', 30],
    ['BA', 'MWh', '1-10:2.29.0*255', 30],
    ['Q1', 'kVArh', '1-0:3.29.0*255', 32],
    ['K3', 'VArh', '1-3:4.29.0*255', 32],
    ['T1', 'kVAh', '1-0:9.29.0*255', 31],
    ['E1', 'kW', '1-0:1.27.0*255', 27],
    ['Q1', 'MVAr', '1-0:3.27.0*255', 29],
    ['T1', 'VA', '1-0:9.27.0*255', 28],
  ])('%s in %s is OBIS %s', async (suffix, uom, channel, unit) => {
    const read = await readContent(
      file(
        details(suffix, uom),
        day(
          '20200301',
          values(48, () => '1'),
        ),
      ),
    )
    expect(profilesOf(read)).toMatchObject([{ channel, unit }])
  })

  test.each([
    ['kWh', '1.077', 0, 1_077],
    ['kWh', '0.1234', -1, 1_234],
    ['kWh', '123456789.0000001', -4, 1_234_567_890_000_001],
    ['Wh', '10', 0, 10],
    ['Wh', '10.25', -2, 1_025],
    ['MWh', '0.0000004', -1, 4],
    ['MWh', '4503599627.370495', 0, 4_503_599_627_370_495],
    ['kWh', '2311.765', 0, 2_311_765],
  ])('%s %s is whole, with scaler %d', async (uom, text, scaler, value) => {
    const read = await readContent(file(details('E1', uom), day('20200301', ['0', text, ...values(46, () => '0.0')])))
    expect(read.told).toEqual([])
    expect(profilesOf(read)).toMatchObject([{ scaler, values: [0, value, ...Array(46).fill(0)] }])
  })

  test.each([
    ['A', []],
    ['E65', [[8, 48]]],
    ['E52', [[8, 48]]],
    ['E57', [[11, 48]]],
    ['E99', [[12, 48]]],
    ['F14', [[8, 48]]],
    ['S17', [[9, 48]]],
    ['F12', [[11, 48]]],
    ['F16', [[16, 48]]],
    ['S', [[16, 48]]],
  ])('of quality %s has ESPI codes %j', async (quality, runs) => {
    const read = await readContent(file(details('E1'), day('20200301', values(48), `${quality},32,,,`)))
    expect(profilesOf(read)[0]?.quality).toEqual(runs.map(([code, count]) => ({ code, count })))
  })

  test('of quality V has those of its 400 records, and no value where they say null', async () => {
    const texts = values(48, (n) => (n >= 20 && n < 24 ? '' : String(n)))
    const events = ['400,1,20,F14,76,', '400,21,24,N,,', '400,25,40,A,,', '400,41,48,S17,1,']
    const read = await readContent(file(details('E1'), day('20200301', texts, 'V,,,20200302120000,'), ...events))
    expect(read).toMatchObject({ told: [], counts: { records: 8, missing: 4 } })
    expect(read.messages).toHaveLength(1)
    expect(profilesOf(read)).toMatchObject([
      { start: '2020-02-29T14:00', values: { length: 20 }, quality: [{ code: 8, count: 20 }] },
      {
        ...{ start: '2020-03-01T02:00', values: { length: 24 } },
        quality: [
          { code: 0, count: 16 },
          { code: 9, count: 8 },
        ],
      },
    ])
  })

  test('that is null data has no message', async () => {
    const read = await readContent(
      file(
        details('E1'),
        day(
          '20200301',
          values(48, () => '0'),
          'N,,,,',
        ),
      ),
    )
    expect(read).toMatchObject({ messages: [], told: [], counts: { missing: 48 } })
  })
})

describe('versions of a day', () => {
  const version = (updated: string, of: (n: number) => string) => day('20200301', values(48, of), `A,,,${updated},`)
  const first = version('20200302120000', () => '1')
  const second = version('20200303120000', (n) => (n < 2 ? '7' : '1.000'))

  test('a later one corrects what it changes, and names the message', async () => {
    const read = await readContent(file(details('E1'), day('20200228', values(48)), first, second))
    expect(profilesOf(read)).toMatchObject([
      {},
      { values: { length: 48 } },
      { values: [7_000, 7_000], start: '2020-02-29T14:00', revises: 2 },
    ])
    expect(read.messages[1]?.content.revises).toBeUndefined()
  })

  test('an older one changes nothing, wherever it stands, nor does one that says the same', async () => {
    const same = version('20200304120000', (n) => (n < 2 ? '7' : '1'))
    const between = version('20200303180000', () => '2')
    const read = await readContent(file(details('E1'), second, first, same, between))
    expect(profilesOf(read)).toMatchObject([{ values: { length: 48 } }])
  })

  test('of one with other intervals all stands in one correction', async () => {
    const finer = day(
      '20200301',
      values(288, () => '0.1'),
      'A,,,20200305120000,',
    )
    const read = await readContent(file(details('E1'), first, details('E1', 'kWh', 5), finer, finer))
    expect(profilesOf(read)).toMatchObject([{ step: 1_800 }, { step: 300, values: { length: 288 }, revises: 1 }])
  })

  test('where a day says nothing, the header’s time is its version', async () => {
    const late = version('20200229120000', () => '2')
    expect(
      profilesOf(
        await readContent(
          file(
            details('E1'),
            version('', () => '1'),
            late,
          ),
        ),
      ),
    ).toHaveLength(1)
    expect(
      profilesOf(
        await readContent(
          file(
            details('E1'),
            version('', () => '1'),
            version('', () => '2'),
          ),
        ),
      ),
    ).toHaveLength(2)
  })
})

describe('malformed NEM12', () => {
  const good = day('20200301', values(48))
  test.each<[string, string[], string[]]>([
    [
      'an NMI of another form',
      [details('E1', 'kWh', 30, 'nmi1'), good],
      ["2: 'nmi1' is not an NMI: expected 10 capital letters and digits, without the checksum; its days are left out"],
    ],
    [
      'a unit that is not taken',
      [details('E1', 'pf'), good],
      ["2: 'pf' is not a unit that is taken: Wh, VArh, VAh, W, VAr or VA, each also with k or M; its days are left out"],
    ],
    [
      'a unit of another energy',
      [details('E1', 'kVArh'), good],
      ["2: suffix 'E1' is of active energy, and 'kVArh' is a unit of reactive; its days are left out"],
    ],
    [
      'a check meter',
      [details('F1'), good, '400,1,48,A,,'],
      [
        "2: suffix 'F1' is of no stream that is taken: E, B, Q, K or T and one more character (net, average and check meters are left out); its days are left out",
      ],
    ],
    [
      'an interval length',
      [details('E1', 'kWh', 60), good],
      ["2: an interval length of '60' is not 5, 15 or 30 minutes; its days are left out"],
    ],
    ['a day without details', [good], ['2: a 300 record stands before any 200 record']],
    [
      'a date',
      [details('E1'), day('20200230', values(48)), day('202003010000', values(48)), day('19600301', values(48))],
      [
        "3: '20200230' is not a day: expected YYYYMMDD",
        "4: '202003010000' is not a day: expected YYYYMMDD",
        "5: '19600301' is not a day: expected YYYYMMDD",
      ],
    ],
    [
      'too few values',
      [details('E1', 'kWh', 15), good],
      ['3: a day of 15 minutes has 96 values and a quality: the record has 55 fields, expected 99 to 103'],
    ],
    [
      'too many values',
      [details('E1'), day('20200301', values(96))],
      ['3: a day of 30 minutes has 48 values and a quality: the record has 103 fields, expected 51 to 55'],
    ],
    [
      'a value',
      [details('E1'), day('20200301', ['1', '-1', ...values(46)]), day('20200301', ['1e3', ...values(47)])],
      [
        "3: interval 2: '-1' is not a quantity: expected digits with a decimal point",
        "4: interval 1: '1e3' is not a quantity: expected digits with a decimal point",
      ],
    ],
    [
      'a value without end',
      [details('E1', 'MWh'), day('20200301', ['4503599627.3704960', ...values(47)])],
      ['3: its values have more digits than a reading can hold'],
    ],
    [
      'a value too fine',
      [details('E1', 'Wh'), day('20200301', ['0.1234567891', ...values(47)])],
      ['3: its values have more digits than a reading can hold'],
    ],
    [
      'a quality',
      [details('E1'), day('20200301', values(48), 'X14,,,,')],
      ["3: 'X14' is not a quality: expected A, E, F, N, S or V, and two digits of a method"],
    ],
    [
      'a time of update',
      [details('E1'), day('20200301', values(48), 'A,,,yesterday,')],
      ["3: 'yesterday' is not a time: expected YYYYMMDDHHMMSS"],
    ],
    [
      'V without 400',
      [details('E1'), day('20200301', values(48), 'V,,,,'), '400,1,20,A,,'],
      ['3: the quality of interval 21 is V, and no 400 record says which'],
    ],
    [
      '400 without V',
      [details('E1'), good, '400,1,48,A,,', '400,1,48,A,,'],
      ['4: a 400 record stands after a 300 record whose quality is not V; the day is left out'],
    ],
    ['400 after no day', [details('E1'), '400,1,48,A,,'], ['3: a 400 record stands after no 300 record']],
    [
      '400 out of the day',
      [details('E1'), day('20200301', values(48), 'V,,,,'), '400,40,49,A,,'],
      ["4: intervals '40' to '49' are not within 1 to 48; the day is left out"],
    ],
    [
      '400 backwards',
      [details('E1'), day('20200301', values(48), 'V,,,,'), '400,x,4,A,,'],
      ["4: intervals 'x' to '4' are not within 1 to 48; the day is left out"],
    ],
    [
      '400 twice',
      [details('E1'), day('20200301', values(48), 'V,,,,'), '400,1,30,A,,', '400,30,48,A,,'],
      ['5: a second 400 record is about interval 30; the day is left out'],
    ],
    [
      '400 with V',
      [details('E1'), day('20200301', values(48), 'V,,,,'), '400,1,48,V,,'],
      ['4: the quality of a 400 record is V: expected A, E, F, N or S; the day is left out'],
    ],
    [
      '400 of another quality',
      [details('E1'), day('20200301', values(48), 'V,,,,'), '400,1,48,B,,'],
      ["4: 'B' is not a quality: expected A, E, F, N, S or V, and two digits of a method; the day is left out"],
    ],
    [
      'a record',
      [details('E1'), '250,NMI0000001', '\u0000\u0007'],
      [
        "3: '250' is not a record of NEM12: expected 100, 200, 300, 400, 500 or 900",
        "4: '??' is not a record of NEM12: expected 100, 200, 300, 400, 500 or 900",
      ],
    ],
    [
      'what stands after the end',
      ['900', good],
      ['3: it stands after the 900 record, which ends a file', '4: it stands after the 900 record, which ends a file'],
    ],
  ])('%s is told by its line, and no reading is made of it', async (_name, records, told) => {
    const read = await readContent(file(...records))
    expect(read).toMatchObject({ told, messages: [] })
  })

  test('does not keep the rest from being read', async () => {
    const read = await readContent(
      file(
        details('E1'),
        day('20200301', ['x', ...values(47)]),
        day('20200302', values(48)),
        details('X1'),
        good,
        '500,O,,,',
        details('B1'),
        good,
      ),
    )
    expect(read.told).toHaveLength(2)
    expect(profilesOf(read).map(({ channel, start }) => `${channel} ${start}`)).toEqual([
      '1-0:1.29.0*255 2020-03-01T14:00',
      '1-0:2.29.0*255 2020-02-29T14:00',
    ])
  })

  test('a file that is cut off says so, and what is before counts', async () => {
    const read = await readContent(`${HEADER}\n${details('E1')}\n${good}\n`)
    expect(read.told).toEqual(['3: the file ends without a 900 record: it is cut off, get it again; what stands before is taken'])
    expect(read.messages).toHaveLength(1)
    const long = await readContent(`${HEADER}\n${details('E1')}\n${good}\n300,${'1'.repeat(70_000)}`)
    expect(long.told).toEqual([expect.stringContaining('4: the rest of the file cannot be read: ')])
    expect(long.messages).toHaveLength(1)
  })

  test('another version, and a time that is none, are told', async () => {
    expect(await readContent('100,NEM13,200003011200,A,B\n')).toMatchObject({ told: [expect.stringContaining('ask for NEM12')] })
    expect((await readContent('100,NEM13,200003011200,A,B\n', 'nem12')).told).toEqual([
      "1: it is a file of version 'NEM13', not NEM12",
    ])
    expect((await readContent('100,NEM12,today,A,B\n900')).told).toEqual(["1: 'today' is not a time: expected YYYYMMDDHHMM"])
  })
})

test('files are read without header and end, with several of them, and with a byte order mark', async () => {
  const bare = await readContent(`\uFEFF${details('E1')}\n${day('20200301', values(48), 'A')}\n`)
  expect(bare).toMatchObject({ told: [], messages: { length: 1 } })
  const two = await readContent(
    file(details('E1'), day('20200301', values(48))) + file(details('E1', 'kWh', 30, 'NMI0000002'), day('20200301', values(48))),
  )
  expect(two).toMatchObject({ told: [], messages: [{ meter: 'NMI0000001' }, { meter: 'NMI0000002' }] })
})

const SAMPLES = join(process.cwd(), '..', 'shared', 'data', 'nem12')
const samples = existsSync(SAMPLES) ? readdirSync(SAMPLES).filter((name) => name.endsWith('.csv')) : []
if (samples.length === 0) process.stderr.write(`skipped: there are no NEM12 samples in ${SAMPLES}\n`)

;(samples.length === 0 ? test.skip : test)('the samples come in with the sums that stand in them', async () => {
  for (const name of samples) {
    const path = join(SAMPLES, name)
    const read = await readImport(path)
    expect(read.told).toEqual([])
    const sums: TextTotals = {}
    for (const { meter, content } of read.messages)
      for (const { obis, scaler, values: integers } of content.profiles)
        for (const value of integers) {
          expect(scaler).toBe(0)
          const key = `${meter} ${obisText(obis)}`
          const { intervals, thousandths } = sums[key] ?? { intervals: 0, thousandths: 0n }
          sums[key] = { intervals: intervals + 1, thousandths: thousandths + BigInt(value) * 1000n }
        }
    expect(sums).toEqual(nem12Totals(path))
  }
  const qualities = profilesOf(await readImport(join(SAMPLES, 'Example_NEM12_multiple_quality.csv'))).map(
    ({ quality }) => quality,
  )
  expect(qualities).toEqual([[8, 0, 8].map((code, index) => ({ code, count: [20, 4, 24][index] }))])
})
