import { createWriteStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { lclTotals } from '../../infra/cli/compare-lcl.js'
import { fullTest, isFull } from '../../infra/testing/full.js'
import { SmallDoor } from '../../infra/testing/small-door.js'
import { isThorough } from '../../infra/testing/thorough.js'
import { sha256 } from '../../schemas/hash.js'
import { decodeSignedReading, type EnrolledMeter } from '../../schemas/records.js'
import { DoorClient } from '../meter/door-client.js'
import { MeterStore } from '../meter/meter-store.js'
import { checkFiles } from './check-files.js'
import { type ImportOptions, type ImportSummary, importFiles, isNothingTaken } from './import.js'

const CHAIN = sha256(Buffer.from('a chain'))
const HEADER = 'LCLid,tstp,energy(kWh/hh)\r\n'

let folder: string
let store: MeterStore
let door: SmallDoor
let client: DoorClient
let enrolled: EnrolledMeter[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'import-'))
  store = new MeterStore({ path: join(folder, 'meters'), chainId: CHAIN })
  door = await SmallDoor.open()
  client = new DoorClient({ url: door.url, retryMillis: 100, backoffMillis: 5 })
  enrolled = []
})
afterEach(async () => {
  await client.close()
  await door.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const importOptions = (files: string[]): ImportOptions => ({
  files,
  format: 'lcl',
  message: 'day',
  store,
  door: client,
  delivery: { confirmMillis: 10 },
  enrol: async (meters) => {
    enrolled.push(...meters)
  },
})
const run = (files: string[], options: Partial<ImportOptions> = {}) => importFiles({ ...importOptions(files), ...options })

/** Two hours in Chicago, fed in. */
const GREEN_BUTTON = `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">
<entry><id>house</id><link rel="self" href="U/1"/><link rel="related" href="U/1/MeterReading"/><content><e:UsagePoint/></content></entry>
<entry><link rel="self" href="U/1/MeterReading/1"/><link rel="related" href="T"/><content><e:MeterReading/></content></entry>
<entry><link rel="self" href="T"/><content><e:ReadingType><e:uom>72</e:uom><e:flowDirection>19</e:flowDirection>
<e:intervalLength>3600</e:intervalLength><e:powerOfTenMultiplier>1</e:powerOfTenMultiplier></e:ReadingType></content></entry>
<entry><link rel="self" href="Z"/><content><e:LocalTimeParameters><e:tzOffset>-21600</e:tzOffset><e:dstOffset>3600</e:dstOffset>
<e:dstStartRule>360E2000</e:dstStartRule><e:dstEndRule>B40E2000</e:dstEndRule></e:LocalTimeParameters></content></entry>
<entry><link rel="self" href="U/1/MeterReading/1/IntervalBlock/1"/><content><e:IntervalBlock>
<e:interval><e:start>1583560800</e:start><e:duration>7200</e:duration></e:interval>
<e:IntervalReading><e:value>4</e:value></e:IntervalReading><e:IntervalReading><e:value>-7</e:value></e:IntervalReading>
</e:IntervalBlock></content></entry></feed>`

const kwhOf = ({ totals }: ImportSummary) => totals.map(({ meter, total }) => [meter, total])

/** Half hours of a meter, from a day on. */
function lines(meter: string, count: number, { first = 0, kwh = (n: number) => `0.${100 + (n % 800)}` } = {}): string {
  return Array.from({ length: count }, (_each, index) => {
    const at = new Date(Date.UTC(2013, 0, 1) + (first + index) * 1_800_000).toISOString()
    return `${meter},${at.slice(0, 10)} ${at.slice(11, 19)}, ${kwh(first + index)} \r\n`
  }).join('')
}

describe('an import', () => {
  test('enrols meters with keys of their own and sends one message a meter-day', async () => {
    const path = file('a.csv.gz', gzipSync(HEADER + lines('MAC1', 100) + lines('MAC2', 48)))
    const summary = await run([path])
    expect(summary).toMatchObject({ files: 1, meters: 2, records: 148, malformed: 0, missing: 0, messages: 4, intervals: 148 })
    expect(summary).toMatchObject({ confirmed: 4, left: 0, knownFiles: 0, known: 0, corrected: 0 })
    expect(enrolled.map(({ meter, signer, usagePoint }) => ({ meter, signer, usagePoint }))).toEqual(
      ['MAC1', 'MAC2'].map((id) => ({
        meter: id,
        signer: 'importer',
        usagePoint: { id, zone: 'Europe/London', feeder: '', region: '', plan: '' },
      })),
    )
    expect(enrolled[0]?.key).toEqual(store.publicKey('MAC1'))
    expect(kwhOf(summary)).toEqual([...lclTotals([path])].map(([meter, { kwh }]) => [meter, kwh]))
  })

  test('is whole whatever else waits in the store', async () => {
    store.create(['other'])
    const register = { obis: Buffer.from([1, 0, 1, 8, 0, 255]), unit: 30, scaler: 0, at: 0, value: 7 }
    store.sign([{ meter: 'other', content: { sentAt: 0, profiles: [], registers: [register] } }])
    expect(await run([file('a.csv', HEADER + lines('MAC1', 50))])).toMatchObject({ confirmed: 2, left: 0 })
    expect(store.countUnconfirmed()).toBe(1)
  })

  test('sends one message a half hour where asked to', async () => {
    const summary = await run([file('a.csv', HEADER + lines('MAC1', 50))], { message: 'half-hour' })
    expect(summary).toMatchObject({ messages: 50, intervals: 50, confirmed: 50 })
  })

  test('changes nothing when it is repeated, by the file or by its lines', async () => {
    const text = HEADER + lines('MAC1', 100)
    await run([file('a.csv', text)])
    const again = await run([file('a.csv', text)])
    expect(again).toMatchObject({ knownFiles: 1, messages: 0, records: 0, confirmed: 0, meters: 1 })
    const packed = await run([file('b.csv.gz', gzipSync(text))])
    expect(packed).toMatchObject({ knownFiles: 0, messages: 0, intervals: 0, known: 100 })
    expect(store.end('MAC1').sequence).toBe(3)
    expect(enrolled).toHaveLength(1)
  })

  test('takes what is new of a longer file', async () => {
    await run([file('a.csv', lines('MAC1', 60))])
    const summary = await run([file('b.csv', lines('MAC1', 100))])
    expect(summary).toMatchObject({ messages: 2, intervals: 40, known: 60, confirmed: 2 })
    expect(store.end('MAC1').sequence).toBe(4)
  })

  test('goes on where it was stopped, at any slice, with nothing twice', async () => {
    const paths = [file('a.csv', lines('MAC1', 480)), file('b.csv', lines('MAC2', 480))]
    let requests = 0
    door.disturb = () => (++requests > 1 ? 'reset' : undefined)
    await expect(run(paths, { sliceMessages: 4, delivery: { confirmMillis: 10, batchReadings: 5 } })).rejects.toThrow('the door')
    door.disturb = () => undefined
    await run(paths)
    expect(store.countUnconfirmed()).toBe(0)
    expect(door.state('MAC1').sequence + door.state('MAC2').sequence).toBe(20)
    expect(door.state('MAC1').gaps).toEqual([])
  })

  test('enrols what an import signed that ended before it could enrol', async () => {
    const path = file('a.csv', lines('MAC1', 48))
    const failing = async () => {
      throw new Error('the registry is away')
    }
    await expect(run([path], { enrol: failing })).rejects.toThrow('the registry is away')
    expect(await run([path])).toMatchObject({ knownFiles: 1, confirmed: 1, left: 0 })
    expect(enrolled).toHaveLength(1)
  })

  test('tells malformed lines by file and line, counts them, and takes the rest', async () => {
    const bad = [
      'MAC1,2013-01-01 00:00:00,0.5',
      'MAC1,2013-01-01 00:00:00,0.6',
      'MAC1,2013-01-01 00:10:00,0.5',
      'MAC1,2013-02-30 00:00:00,0.5',
      'MAC1,yesterday,0.5',
      '',
      'MAC1,2013-01-01 00:30:00,-0.5',
      'MAC1,2013-01-01 00:30:00,1e3',
      'MAC1,2013-01-01 00:30:00,Null',
      'MAC1,2013-01-01 00:30:00,',
      'MAC1,2013-01-01 01:00:00,"0.5',
      'MAC1,2013-01-01 01:00:00',
      'a meter,2013-01-01 01:00:00,1',
      'MAC1,2013-01-01 01:30:00.0000000,99999999999',
      'MAC1,2013-01-01 01:30:00,0.1234567891',
      'MAC1,2013-01-01 01:30:00.0000000,2',
    ]
    const told: string[] = []
    const path = file('a.csv', `\uFEFF${HEADER}${bad.join('\n')}`)
    const summary = await run([path], { onMalformed: ({ file: at, line, reason }) => told.push(`${at}:${line}: ${reason}`) })
    expect(summary).toMatchObject({ records: 15, malformed: 11, missing: 2, intervals: 2, confirmed: 1 })
    expect(told.map((text) => text.slice(path.length + 1))).toEqual([
      '3: a second value for this meter and half hour',
      '4: 2013-01-01 00:10:00 is not the start of a half hour',
      "5: '2013-02-30 00:00:00' is not a time: expected YYYY-MM-DD HH:MM:SS",
      "6: 'yesterday' is not a time: expected YYYY-MM-DD HH:MM:SS",
      "8: '-0.5' is not an energy: expected digits with a decimal point",
      "9: '1e3' is not an energy: expected digits with a decimal point",
      `12: '"0.5' is not an energy: expected digits with a decimal point`,
      '13: it has 2 fields, not LCLid, tstp and energy',
      "14: 'a meter' is not a meter id",
      '15: 99999999999 kWh are more than a meter can count in an interval',
      '16: 0.1234567891 has more than 9 decimals',
    ])
    expect(kwhOf(summary)).toEqual([['MAC1', '2.5']])
  })

  test('takes lines of a day that stand apart, in any order', async () => {
    const path = file('a.csv', lines('MAC1', 4, { first: 4 }) + lines('MAC2', 4) + lines('MAC1', 4))
    expect(await run([path])).toMatchObject({ intervals: 12, messages: 3, confirmed: 3, malformed: 0 })
  })

  test('takes what comes before the place where a packed file is cut off, and goes on with the next file', async () => {
    const whole = gzipSync(lines('MAC1', 20_000, { kwh: (n) => `0.${(n * 7919) % 1_000_003}` }))
    const paths = [file('a.csv.gz', whole.subarray(0, whole.length - 2_000)), file('b.csv', lines('MAC2', 48))]
    const told: string[] = []
    const summary = await run(paths, { onMalformed: ({ reason }) => told.push(reason) })
    expect(told).toEqual([expect.stringContaining('the rest of the file cannot be read')])
    expect(summary.malformed).toBe(1)
    expect(summary.intervals).toBeGreaterThan(1_000)
    expect(store.end('MAC2').sequence).toBe(1)
    expect((await run(paths)).knownFiles).toBe(1)
  })

  test('of files in which all is malformed has taken nothing, each time; with one good line, or one taken before, it has', async () => {
    const none = file('none.csv', `${HEADER}MAC1,yesterday,1\n`)
    const noFormat = file('random.bin', Buffer.from([0, 255, 7]))
    const { format: _lcl, ...byContent } = importOptions([none, noFormat])
    for (const _again of [1, 2]) {
      const summary = await importFiles(byContent)
      expect(summary).toMatchObject({ malformed: 2, messages: 0, knownFiles: 0, left: 0 })
      expect(isNothingTaken(summary)).toBe(true)
    }
    const some = file('some.csv', `${HEADER}MAC1,yesterday,1\n${lines('MAC1', 1)}`)
    expect(isNothingTaken(await run([none, some]))).toBe(false)
    const again = await run([none, some])
    expect(again).toMatchObject({ malformed: 1, messages: 0, knownFiles: 1 })
    expect(isNothingTaken(again)).toBe(false)
    const repeated = await run([file('repeated.csv', `${HEADER}MAC1,tomorrow,1\n${lines('MAC1', 1)}`)])
    expect(repeated).toMatchObject({ malformed: 1, messages: 0, known: 1, knownFiles: 0 })
    expect(isNothingTaken(repeated)).toBe(false)
    const empty = file('empty.csv', HEADER)
    expect(isNothingTaken(await run([empty]))).toBe(false)
    expect((await run([empty])).knownFiles).toBe(1)
  })

  test('keeps energies exact and cuts a day at its gaps', async () => {
    const text = ['00:00:00,0.138', '00:30:00,1.0779999', '01:30:00,0', '02:00:00,3.0'].map((each) => `MAC1,2013-01-01 ${each}\n`)
    const refusing = {
      ...client,
      send: async () => ({ accepted: 0, refusals: [] }),
      heads: async () => ({ heads: [], unknown: [] }),
    }
    await run([file('a.csv', text.join(''))], { door: refusing, delivery: { stallMillis: 1, confirmMillis: 1 } })
    const [first] = store.unconfirmed('MAC1', 1, 1)
    const reading = decodeSignedReading(first?.entry ?? Buffer.alloc(0))?.reading
    const start = Date.UTC(2013, 0, 1) / 1000
    expect(reading?.profiles).toMatchObject([
      { unit: 30, scaler: -4, start, step: 1_800, values: [1_380_000, 10_779_999] },
      { unit: 30, scaler: -4, start: start + 5_400, step: 1_800, values: [0, 30_000_000] },
    ])
    expect(reading?.sentAt).toBe((start + 9_000) * 1000)
  })

  test('sends a day of more runs than a reading may hold in two messages', async () => {
    const every = lines('MAC1', 48)
      .split('\r\n')
      .filter((_line, index) => index % 2 === 0)
    expect(await run([file('a.csv', every.join('\n'))])).toMatchObject({ intervals: 24, messages: 2, confirmed: 2 })
  })

  test('passes on what the door refuses', async () => {
    door.faults.set('MAC1', 'bad-signature')
    const summary = await run([file('a.csv', lines('MAC1', 48))])
    expect(summary).toMatchObject({ confirmed: 0, left: 1, refused: { 'bad-signature': 1 } })
    expect(summary.setAside).toHaveLength(1)
  })

  test('fails on a file that is not there', async () => {
    await expect(run([join(folder, 'none.csv')])).rejects.toThrow('none.csv')
  })
})

describe('an import of other formats', () => {
  const nem12 = (updated: string, first: string, suffix = 'E1') => {
    const values = [first, ...Array(47).fill('0.5')].join(',')
    return `100,NEM12,202003051200,A,B\n200,NMI0000001,${suffix},1,${suffix},,,kWh,30,\n300,20200301,${values},A,,,${updated},\n900\n`
  }
  const others = (files: string[], options: Partial<ImportOptions> = {}) => {
    const { format: _lcl, ...rest } = importOptions(files)
    return importFiles({ ...rest, ...options })
  }

  test('knows each by its content, and enrols its meters in their zones', async () => {
    const summary = await others([
      file('a', HEADER + lines('MAC1', 48)),
      file('b', gzipSync(nem12('', '1'))),
      file('c', GREEN_BUTTON),
    ])
    expect(summary).toMatchObject({ files: 3, meters: 3, malformed: 0, messages: 3, confirmed: 3, left: 0, intervals: 98 })
    expect(enrolled.map(({ meter, usagePoint }) => [meter, usagePoint.id, usagePoint.zone])).toEqual([
      ['MAC1', 'MAC1', 'Europe/London'],
      ['NMI0000001', 'NMI0000001', 'Australia/Brisbane'],
      ['house', 'house', 'America/Chicago'],
    ])
    expect(summary.totals.slice(1)).toEqual([
      { meter: 'NMI0000001', obis: '1-0:1.29.0*255', unit: 30, intervals: 48, total: '24.5' },
      { meter: 'house', obis: '1-0:2.29.0*255', unit: 30, intervals: 2, total: '-0.03' },
    ])
  })

  test('enrols in the zone that is asked for, also after an import that ended before it could enrol', async () => {
    const failing = async () => {
      throw new Error('the registry is away')
    }
    const path = file('a', nem12('', '1'))
    await expect(others([path], { zone: 'Australia/Sydney', enrol: failing })).rejects.toThrow('the registry is away')
    expect(await others([path])).toMatchObject({ knownFiles: 1, confirmed: 1 })
    expect(enrolled.map(({ usagePoint: { zone } }) => zone)).toEqual(['Australia/Sydney'])
  })

  test('corrects by a later version, once, and not by an older one, whatever the order of the files', async () => {
    const [first, second] = [file('a', nem12('20200302120000', '1')), file('b', nem12('20200303120000', '2'))]
    expect(await others([first])).toMatchObject({ messages: 1, corrected: 0 })
    expect(await others([second])).toMatchObject({ messages: 1, intervals: 1, corrected: 1, known: 47, confirmed: 1 })
    expect(
      await others([file('c', `${nem12('20200303120000', '2')}\n`), file('d', `${nem12('20200302120000', '1')}\n`)]),
    ).toMatchObject({
      ...{ messages: 0, known: 95, outdated: 1, knownFiles: 0 },
    })
    expect(door.state('NMI0000001').sequence).toBe(2)
  })

  test('names in a correction the message that it corrects', async () => {
    const refusing = { send: async () => ({ accepted: 0, refusals: [] }), heads: async () => ({ heads: [], unknown: [] }) }
    const delivery = { stallMillis: 1, confirmMillis: 1 }
    await others([file('a', nem12('20200302120000', '1', 'B1')), file('b', nem12('20200302120000', '1'))], {
      door: refusing,
      delivery,
    })
    await others([file('c', nem12('20200303120000', '2'))], { door: refusing, delivery })
    const readings = store.unconfirmed('NMI0000001', 1, 10).map(({ entry }) => decodeSignedReading(entry)?.reading)
    expect(readings.map((reading) => [reading?.sequence, reading?.revises])).toEqual([
      [1, null],
      [2, null],
      [3, 2],
    ])
    expect(readings[2]?.profiles).toMatchObject([{ start: Date.UTC(2020, 1, 29, 14) / 1000, step: 1_800, values: [2_000] }])
  })

  test('signs nothing where somebody else signed meanwhile', async () => {
    await others([file('a', nem12('20200302120000', '1'))])
    const other = { obis: Buffer.from([1, 0, 1, 8, 0, 255]), unit: 30, scaler: 0, at: 0, value: 7 }
    const slow = `${nem12('20200303120000', '2')}${lines('MAC1', 2)}`
    const onMalformed = () => void store.sign([{ meter: 'NMI0000001', content: { sentAt: 0, profiles: [], registers: [other] } }])
    await expect(others([file('b', slow)], { onMalformed })).rejects.toThrow(
      'somebody else signed for meter NMI0000001 meanwhile',
    )
    expect(store.end('NMI0000001').sequence).toBeGreaterThan(1)
  })

  test('goes on with the next file where one is of no format, or cannot be read', async () => {
    const told: string[] = []
    const summary = await others(
      [file('a', 'PK\u0003\u0004'), file('b', gzipSync('x').subarray(0, 12)), file('c', ''), file('d', nem12('', '1'))],
      {
        onMalformed: ({ file: at, line, reason }) => told.push(`${at.slice(folder.length + 1)}:${line}: ${reason}`),
      },
    )
    expect(told).toEqual([
      'a:1: it is a zip archive: unpack it, and import what is in it',
      expect.stringMatching(/^b:1: it cannot be read: /),
      'c:1: its content is of none of lcl, nem12, green-button: name the format with --format',
    ])
    expect(summary).toMatchObject({ files: 4, malformed: 3, confirmed: 1 })
  })

  test('is told before it is made, by a check of the files', async () => {
    const paths = [file('a', HEADER + lines('MAC1', 48)), file('b', `${nem12('', '1')}x`), file('c', GREEN_BUTTON), file('d', '')]
    const told: string[] = []
    const seen: number[] = []
    const checked = await checkFiles({
      ...{ files: paths, message: 'day' },
      onMalformed: ({ line, reason }) => told.push(`${line}: ${reason}`),
      onProgress: ({ filesDone }) => seen.push(filesDone),
    })
    const { totals, intervals, messages, records, meters } = await others(paths)
    expect(checked).toMatchObject({ totals, intervals, messages, records, meters, malformed: 2, files: 4 })
    expect(told).toEqual([
      '5: it stands after the 900 record, which ends a file',
      expect.stringContaining('its content is of none'),
    ])
    expect(seen).toEqual([1, 2, 3, 4])
    expect(await checkFiles({ files: [join(folder, 'none')], message: 'day' })).toMatchObject({ malformed: 1 })
  })
})

/** Files of 1,000 meters, written as they are made. */
function* nem12Of(days: number): Generator<string> {
  yield '100,NEM12,202003051200,A,B\n'
  for (let meter = 0; meter < 1_000; meter++) {
    const nmi = `N${String(meter).padStart(9, '0')}`
    for (const suffix of ['E1', 'B1']) {
      yield `200,${nmi},E1B1,1,${suffix},,,kWh,30,\n`
      for (let day = 1; day <= days; day++) {
        const values = Array.from(
          { length: 48 },
          (_each, n) => `${(n * 7 + meter) % 3}.${String(meter * day + n).padStart(6, '0')}`,
        )
        yield `300,202002${String(day).padStart(2, '0')},${values.join(',')},A,,,,\n`
      }
    }
  }
  yield '900\n'
}

function* greenButtonOf(days: number, perDay: number): Generator<string> {
  const [head = '', type = ''] = [/^<feed[^>]*>/, /<entry><link rel="self" href="T"[\s\S]*?<\/entry>/].map(
    (part) => part.exec(GREEN_BUTTON)?.[0],
  )
  yield `${head}${type}`
  for (let meter = 0; meter < 1_000; meter++) {
    yield `<entry><id>m${meter}</id><link rel="self" href="U/${meter}"/><content><e:UsagePoint/></content></entry>
<entry><link rel="self" href="U/${meter}/MeterReading/1"/><link rel="related" href="T"/><content><e:MeterReading/></content></entry>\n`
    for (let day = 0; day < days; day++) {
      const step = 86_400 / perDay
      const readings = Array.from({ length: perDay }, (_each, n) => {
        const time = `<e:start>${1_583_560_800 + day * 86_400 + n * step}</e:start><e:duration>${step}</e:duration>`
        return `<e:IntervalReading><e:timePeriod>${time}</e:timePeriod><e:value>${meter + n}</e:value></e:IntervalReading>\n`
      })
      yield `<entry><link rel="self" href="U/${meter}/MeterReading/1/IntervalBlock/${day}"/><content><e:IntervalBlock>${readings.join('')}</e:IntervalBlock></content></entry>\n`
    }
  }
  yield '</feed>'
}

async function written(name: string, parts: Iterable<string>): Promise<string> {
  const path = join(folder, name)
  await pipeline(Readable.from(parts), createWriteStream(path))
  return path
}

describe('a file of 1,000 meters', () => {
  test('comes in as a whole', async () => {
    const { format: _lcl, ...options } = importOptions([
      await written('a.csv', nem12Of(1)),
      await written('b.xml', greenButtonOf(1, 2)),
    ])
    const summary = await importFiles(options)
    expect(summary).toMatchObject({ meters: 2_000, messages: 3_000, confirmed: 3_000, intervals: 98_000, malformed: 0, left: 0 })
    expect(enrolled).toHaveLength(2_000)
    // of meter m 10 * (m + m + 1) Wh
    expect(summary.totals.filter(({ meter }) => meter === 'm7')).toMatchObject([{ intervals: 2, total: '0.15' }])
    expect(await importFiles(options)).toMatchObject({ meters: 2_000, messages: 0, knownFiles: 2 })
  }, 60_000)

  fullTest(
    'is read in memory that does not grow with its length',
    async () => {
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc') as () => void
      for (const parts of [nem12Of(28), greenButtonOf(4, 96)]) {
        const path = await written('large', parts)
        expect(statSync(path).size).toBeGreaterThan(18_000_000)
        collect()
        const before = process.memoryUsage().heapUsed
        let most = 0
        const onProgress = () => {
          collect()
          most = Math.max(most, process.memoryUsage().heapUsed - before)
        }
        expect(await checkFiles({ files: [path], message: 'day', onProgress })).toMatchObject({ meters: 1_000, malformed: 0 })
        expect(most).toBeLessThan(8 * 1024 * 1024)
        process.stdout.write(`${statSync(path).size} bytes, at most ${Math.round(most / 1024)} KiB of live heap\n`)
      }
    },
    240_000,
  )
})

const LONDON = join(process.cwd(), '..', 'shared', 'data', 'lcl-2013')
const london = existsSync(LONDON)
  ? readdirSync(LONDON)
      .slice(0, isFull ? 6 : isThorough ? 2 : 1)
      .map((name) => join(LONDON, name))
  : []
if (london.length === 0) process.stderr.write(`skipped: there are no London files in ${LONDON}\n`)
const whereLondonIs = london.length === 0 ? test.skip : test
whereLondonIs(
  'of London files has the counts and sums of the files, to the last digit',
  async () => {
    const seen: number[] = []
    const summary = await run(london, { onProgress: ({ confirmed }) => seen.push(confirmed) })
    const totals = lclTotals(london)
    expect(summary).toMatchObject({
      malformed: 0,
      left: 0,
      files: london.length,
      meters: london.length,
      confirmed: summary.messages,
    })
    expect(summary.intervals).toBe([...totals.values()].reduce((sum, { intervals }) => sum + intervals, 0))
    expect(kwhOf(summary)).toEqual([...totals].map(([meter, { kwh }]) => [meter, kwh]))
    expect(seen.at(-1)).toBe(summary.confirmed)
  },
  60_000,
)
