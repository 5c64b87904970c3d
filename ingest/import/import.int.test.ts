import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { lclTotals } from '../../infra/cli/compare-lcl.js'
import { SmallDoor } from '../../infra/testing/small-door.js'
import { isThorough } from '../../infra/testing/thorough.js'
import { sha256 } from '../../schemas/hash.js'
import { decodeSignedReading, type EnrolledMeter } from '../../schemas/records.js'
import { DoorClient } from '../meter/door-client.js'
import { MeterStore } from '../meter/meter-store.js'
import { type ImportOptions, importFiles } from './import.js'

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

const run = (files: string[], options: Partial<ImportOptions> = {}) =>
  importFiles({
    files,
    format: 'lcl',
    message: 'day',
    store,
    door: client,
    delivery: { confirmMillis: 10 },
    enrol: async (meters) => {
      enrolled.push(...meters)
    },
    ...options,
  })

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
    expect(summary).toMatchObject({ files: 1, meters: 2, lines: 148, malformed: 0, missing: 0, messages: 4, intervals: 148 })
    expect(summary).toMatchObject({ confirmed: 4, left: 0, knownFiles: 0, knownIntervals: 0 })
    expect(enrolled.map(({ meter, signer, usagePoint }) => ({ meter, signer, usagePoint }))).toEqual(
      ['MAC1', 'MAC2'].map((id) => ({
        meter: id,
        signer: 'importer',
        usagePoint: { id, zone: 'Europe/London', feeder: '', region: '', plan: '' },
      })),
    )
    expect(enrolled[0]?.key).toEqual(store.publicKey('MAC1'))
    expect([...summary.kwh]).toEqual([...lclTotals([path])].map(([meter, { kwh }]) => [meter, kwh]))
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
    expect(again).toMatchObject({ knownFiles: 1, messages: 0, lines: 0, confirmed: 0, meters: 1 })
    const packed = await run([file('b.csv.gz', gzipSync(text))])
    expect(packed).toMatchObject({ knownFiles: 0, messages: 0, intervals: 0, knownIntervals: 100 })
    expect(store.end('MAC1').sequence).toBe(3)
    expect(enrolled).toHaveLength(1)
  })

  test('takes what is new of a longer file', async () => {
    await run([file('a.csv', lines('MAC1', 60))])
    const summary = await run([file('b.csv', lines('MAC1', 100))])
    expect(summary).toMatchObject({ messages: 2, intervals: 40, knownIntervals: 60, confirmed: 2 })
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
    expect(summary).toMatchObject({ lines: 15, malformed: 11, missing: 2, intervals: 2, confirmed: 1 })
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
    expect(Object.fromEntries(summary.kwh)).toEqual({ MAC1: '2.5' })
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

const LONDON = join(process.cwd(), '..', 'shared', 'data', 'lcl-2013')
const london = existsSync(LONDON)
  ? readdirSync(LONDON)
      .slice(0, isThorough ? 6 : 1)
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
    expect(new Map([...totals].map(([meter, { kwh }]) => [meter, kwh]))).toEqual(summary.kwh)
    expect(seen.at(-1)).toBe(summary.confirmed)
  },
  60_000,
)
