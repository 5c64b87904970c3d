import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { profilesOf, readContent, readImport } from '../../../infra/testing/read-import.js'
import { obisText } from '../../../schemas/obis.js'

const START = Date.UTC(2020, 2, 7, 5) / 1000
const POINT = '7BC41774-7190-4864-841C-861AC76D46C2'
const METER = POINT.toLowerCase()

const entry = (
  content: string,
  self: string,
  { up = self.slice(0, self.lastIndexOf('/')), related = [] as string[], id = 'urn:uuid:0' } = {},
) =>
  `<entry><id>${id}</id><link rel="self" href="${self}"/><link rel="up" href="${up}"/>
${related.map((href) => `<link rel="related" href="${href}"/>`).join('\n')}<content>${content}</content></entry>\n`
const espi = (name: string, content = '') => `<${name} xmlns="http://naesb.org/espi">${content}</${name}>`
const elements = (texts: Record<string, string | number>) =>
  Object.entries(texts)
    .map(([name, text]) => `<${name}>${text}</${name}>`)
    .join('')

const usagePoint = (n = '1', id = `urn:uuid:${POINT}`, kind = 0) =>
  entry(espi('UsagePoint', `<ServiceCategory><kind>${kind}</kind></ServiceCategory>`), `UsagePoint/${n}`, {
    ...{ id, related: [`UsagePoint/${n}/MeterReading`, 'LocalTimeParameters/1'] },
  })
const meterReading = (self = 'UsagePoint/1/MeterReading/1', type = 'ReadingType/1') =>
  entry(espi('MeterReading'), self, { related: [`${self}/IntervalBlock`, type] })
const ENERGY = {
  accumulationBehaviour: 4,
  commodity: 1,
  flowDirection: 1,
  intervalLength: 900,
  kind: 12,
  powerOfTenMultiplier: 0,
  uom: 72,
}
const readingType = (texts: Record<string, string | number> = {}, self = 'ReadingType/1') =>
  entry(espi('ReadingType', elements({ ...ENERGY, ...texts })), self)
const zone = (texts: Record<string, string | number> = {}) =>
  entry(
    espi(
      'LocalTimeParameters',
      elements({ dstEndRule: 'B40E2000', dstOffset: 3600, dstStartRule: '360E2000', tzOffset: -18000, ...texts }),
    ),
    'LocalTimeParameters/1',
  )

const reading = (
  start: number,
  value: number | string,
  { duration = 900 as number | string, quality = [] as (number | string)[] } = {},
) =>
  `<IntervalReading>${quality.map((code) => `<ReadingQuality><quality>${code}</quality></ReadingQuality>`).join('')}` +
  `<timePeriod><duration>${duration}</duration><start>${start}</start></timePeriod><value>${value}</value></IntervalReading>`
const readings = (count: number, start = START, step = 900) =>
  Array.from({ length: count }, (_each, n) => reading(start + n * step, 100 + n, { duration: step })).join('\n')
const block = (content: string, { start = START, duration = 86_400 } = {}) =>
  espi('IntervalBlock', `<interval><duration>${duration}</duration><start>${start}</start></interval>${content}`)
const blocks = (content: string, of = 'UsagePoint/1/MeterReading/1') => entry(content, `${of}/IntervalBlock/1`)
const feed = (...entries: string[]) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><updated>2020-03-20T00:00:00Z</updated>\n${entries.join('')}</feed>`
const usual = (...entries: string[]) => feed(usagePoint(), meterReading(), readingType(), zone(), ...entries)

describe('a Green Button feed', () => {
  test.each([
    ['an ordinary', 96, START],
    ['the shortest', 92, START + 86_400],
    ['the longest', 100, Date.UTC(2020, 10, 1, 4) / 1000],
  ])('has %s local day, of %d quarter hours, in one message', async (_name, count, start) => {
    const read = await readContent(usual(blocks(block(readings(count, start), { start, duration: count * 900 }))))
    expect(read).toMatchObject({ told: [], counts: { records: count }, messages: [{ meter: METER, zone: 'America/New_York' }] })
    expect(read.messages[0]?.content).toEqual({
      sentAt: (start + count * 900) * 1000,
      registers: [],
      profiles: [
        {
          ...{ obis: Buffer.from([1, 0, 1, 29, 0, 255]), unit: 30, scaler: 0, start, step: 900, quality: [] },
          values: Array.from({ length: count }, (_each, n) => 100 + n),
        },
      ],
    })
  })

  test('is read whatever the prefixes, the order of its entries, and that of the links in them', async () => {
    const content = feed(
      `<entry><content>${block(readings(2))}</content><link href="UsagePoint/1/MeterReading/1/IntervalBlock/" rel="up"/></entry>`,
      readingType(),
      meterReading(),
      usagePoint(),
    )
    const prefixed = content
      .replace('<feed xmlns=', '<a:feed xmlns:a=')
      .replace('</feed>', '</a:feed>')
      .replaceAll(/<(\/?)(entry|id|link|content|updated)\b/g, '<$1a:$2')
      .replaceAll('xmlns="http://naesb.org/espi"', 'xmlns:e="http://naesb.org/espi"')
      .replaceAll(/<(\/?)(?!a:|\?)(\w)/g, '<$1e:$2')
    expect(prefixed).toContain('<e:IntervalReading>')
    for (const each of [content, prefixed, gzipSync(prefixed), content.replaceAll('\n', '')])
      expect(profilesOf(await readContent(each))).toMatchObject([{ meter: METER, values: [100, 101], start: '2020-03-07T05:00' }])
  })

  test('has several usage points, and several channels of one', async () => {
    const second = 'urn:uuid:00000000-0000-0000-0000-00000000000a'
    const read = await readContent(
      feed(
        usagePoint() + usagePoint('2', second),
        readingType() + readingType({ flowDirection: 19, powerOfTenMultiplier: 3 }, 'ReadingType/2'),
        meterReading() +
          meterReading('UsagePoint/1/MeterReading/2', 'ReadingType/2') +
          meterReading('UsagePoint/2/MeterReading/1'),
        ...['UsagePoint/1/MeterReading/1', 'UsagePoint/1/MeterReading/2', 'UsagePoint/2/MeterReading/1'].map((of) =>
          blocks(block(readings(1)), of),
        ),
      ),
    )
    expect(read.told).toEqual([])
    expect(profilesOf(read).map(({ meter, channel, scaler, unit }) => [meter, channel, scaler, unit])).toEqual([
      [METER, '1-0:1.29.0*255', 0, 30],
      [METER, '1-0:2.29.0*255', 3, 30],
      [second.slice(9), '1-0:1.29.0*255', 0, 30],
    ])
  })

  test.each([
    [{ uom: 73 }, '1-0:3.29.0*255', 32],
    [{ uom: 73, flowDirection: 19 }, '1-0:4.29.0*255', 32],
    [{ uom: 73, flowDirection: 16 }, '1-0:6.29.0*255', 32],
    [{ uom: 71 }, '1-0:9.29.0*255', 31],
    [{ flowDirection: 4 }, '1-0:16.29.0*255', 30],
    [{ flowDirection: 20, phase: 128 }, '1-0:15.29.0*255', 30],
    [{ phase: 64 }, '1-0:41.29.0*255', 30],
    [{ tou: 2, phase: 769 }, '1-0:1.29.2*255', 30],
    [{ uom: 38, kind: 8 }, '1-0:1.27.0*255', 27],
    [{ uom: 61, accumulationBehaviour: 12 }, '1-0:9.7.0*255', 28],
    [{ uom: 63 }, '1-0:3.27.0*255', 29],
  ])('of reading type %j has channel %s', async (texts, channel, unit) => {
    const read = await readContent(feed(usagePoint(), meterReading(), readingType(texts), blocks(block(readings(1)))))
    expect(profilesOf(read)).toMatchObject([{ channel, unit }])
  })

  test('has registers where its values are cumulative: read at the end of their period', async () => {
    const values = [reading(START, 12_345, { duration: 0 }), reading(START, 12_400, { duration: 86_400 })].join('')
    const types = readingType({ accumulationBehaviour: 1, powerOfTenMultiplier: 3, tou: 1 })
    const read = await readContent(feed(usagePoint(), meterReading(), types, blocks(block(values))))
    expect(read.told).toEqual([])
    expect(
      read.messages.map(({ content }) => content.registers?.map(({ obis, ...rest }) => ({ ...rest, channel: obisText(obis) }))),
    ).toEqual([
      [
        { channel: '1-0:1.8.1*255', unit: 30, scaler: 3, at: START, value: 12_345 },
        { channel: '1-0:1.8.1*255', unit: 30, scaler: 3, at: START + 86_400, value: 12_400 },
      ],
    ])
    const many = Array.from({ length: 70 }, (_each, n) => reading(START + n, n, { duration: 0 })).join('')
    const cut = await readContent(feed(usagePoint(), meterReading(), types, blocks(block(many))))
    expect(cut.messages.map(({ content }) => content.registers?.length)).toEqual([64, 6])
  })

  test.each([
    [12, '45', 9, 45_000],
    [9, '-45', 9, -45],
    [-3, '45', -3, 45],
    [-12, '45000', -9, 45],
  ])('of multiplier %d has %s exactly', async (powerOfTenMultiplier, value, scaler, whole) => {
    const read = await readContent(
      feed(usagePoint(), meterReading(), readingType({ powerOfTenMultiplier }), blocks(block(reading(START, value)))),
    )
    expect(profilesOf(read)).toMatchObject([{ scaler, values: [whole] }])
  })

  test('has the quality of each reading, of its type where it says none, mixed where it says several', async () => {
    const content = [[8], [7, 7], [], [9, 10], [99]].map((quality, n) => reading(START + n * 900, n, { quality })).join('')
    const read = await readContent(
      feed(usagePoint(), meterReading(), readingType({ defaultQuality: 17 }), blocks(block(content))),
    )
    expect(profilesOf(read)[0]?.quality).toEqual([8, 7, 17, 13, 16].map((code) => ({ code, count: 1 })))
  })

  test('of readings without a time takes that of their place, and their length from their type', async () => {
    const content = [1, 2].map((value) => `<IntervalReading><value>${value}</value></IntervalReading>`).join('')
    expect(profilesOf(await readContent(usual(blocks(block(content)))))).toMatchObject([
      { start: '2020-03-07T05:00', step: 900, values: [1, 2] },
    ])
  })

  test('cuts a block of a month at its days', async () => {
    const read = await readContent(usual(blocks(block(readings(31 * 24, START, 3_600), { duration: 31 * 86_400 }))))
    expect(read.messages).toHaveLength(31)
    for (const { values } of profilesOf(read)) expect(values).toHaveLength(24)
  })

  test('has no value where a reading has none, and more than one message where there are many gaps', async () => {
    const content = Array.from({ length: 40 }, (_each, n) =>
      n % 2 === 0 ? reading(START + n * 900, n) : '<IntervalReading/>',
    ).join('')
    const read = await readContent(usual(blocks(block(content))))
    expect(read).toMatchObject({ told: [], counts: { records: 40, missing: 20 } })
    expect(read.messages.map(({ content: { profiles } }) => profiles.length)).toEqual([16, 4])
  })

  test.each([
    [{}, 'America/New_York'],
    [{ tzOffset: -28800 }, 'America/Los_Angeles'],
    [{ dstOffset: 0 }, 'Etc/GMT+5'],
    [{ dstStartRule: 'FFFFFFFF', dstEndRule: 'ffffffff', tzOffset: 7200 }, 'Etc/GMT-2'],
    [{ dstOffset: 0, tzOffset: 0 }, 'UTC'],
    [{ dstOffset: 0, tzOffset: 19800 }, 'UTC'],
    [{ dstEndRule: 'B40E2001' }, 'UTC'],
    [{ tzOffset: 'here' }, 'UTC'],
  ])('with LocalTimeParameters %j is of zone %s', async (texts, expected) => {
    const read = await readContent(feed(usagePoint(), meterReading(), readingType(), zone(texts), blocks(block(readings(1)))))
    expect(read.messages).toMatchObject([{ zone: expected }])
  })

  test('that gives a block again corrects what differs', async () => {
    const again = block(reading(START, 100) + reading(START + 900, 7) + reading(START + 1800, 102))
    const read = await readContent(usual(blocks(block(readings(3)) + again + again)))
    expect(profilesOf(read)).toMatchObject([{ values: [100, 101, 102] }, { values: [7], start: '2020-03-07T05:15', revises: 1 }])
  })
})

describe('a malformed Green Button feed', () => {
  const one = blocks(block(readings(1)))
  test.each<[string, string | Buffer, string]>([
    [
      'a document type',
      usual(one).replace('?>', '?><!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
      '1: it has a DOCTYPE, which is refused: remove it, and what it declares',
    ],
    [
      'a document type elsewhere',
      usual(one).replace('?>', '?><!DOCTYPE feed SYSTEM "http://localhost/feed.dtd">'),
      '1: it has a DOCTYPE, which is refused: remove it, and what it declares',
    ],
    [
      'a declaration',
      usual(one).replace('?>', '?><!ELEMENT x>'),
      '1: it has a declaration such as <!ELEMENT>, which is refused: remove it',
    ],
    [
      'an entity',
      usual(blocks(block(reading(START, '&x;')))),
      expect.stringContaining('it is not well-formed XML: Invalid character entity') as never,
    ],
    [
      'an entity of HTML',
      usual(blocks(block(reading(START, '&nbsp;1')))),
      expect.stringContaining('Invalid character entity') as never,
    ],
    [
      'an end that is missing',
      usual(one).slice(0, -9),
      expect.stringContaining('it is not well-formed XML: Unclosed root tag') as never,
    ],
    [
      'tags that cross',
      usual(one).replace('</content>', '</entry>'),
      expect.stringContaining('it is not well-formed XML: Unexpected close tag') as never,
    ],
    [
      'a prefix of nothing',
      usual(one).replace('<IntervalReading>', '<x:IntervalReading>'),
      expect.stringContaining('it is not well-formed XML: Unbound namespace prefix') as never,
    ],
    [
      'another encoding',
      Buffer.from(usual(one).replace('<content>', '<title>Zürich</title><content>'), 'latin1'),
      expect.stringContaining('the file cannot be read further: it is not UTF-8: convert it') as never,
    ],
    ['a packed file that is cut off', gzipSync(usual(one)).subarray(0, -20), expect.stringContaining('cannot be read') as never],
    [
      'another root',
      '<html xmlns="http://www.w3.org/1999/xhtml"/>',
      '1: its root is no Atom feed: a Green Button file is one, in namespace http://www.w3.org/2005/Atom',
    ],
    ['no meter reading', feed(usagePoint()), '1: it has no MeterReading: nothing in it says what its values are'],
    [
      'elements without end',
      `<feed xmlns="http://www.w3.org/2005/Atom">${'<a>'.repeat(100)}`,
      '1: elements stand in each other more than 64 deep',
    ],
    [
      'links without end',
      usual(entry('', 'x', { related: Array(300).fill('y') })),
      expect.stringContaining('an entry has more than 256 links') as never,
    ],
    [
      'resources without end',
      usual(entry(espi('UsagePoint').repeat(65), 'x')),
      expect.stringContaining('an entry has more than 64 resources') as never,
    ],
    [
      'texts without end',
      usual(entry(espi('UsagePoint', Array.from({ length: 300 }, (_each, n) => `<a${n}>1</a${n}>`).join('')), 'x')),
      expect.stringContaining('a UsagePoint has more than 256 elements') as never,
    ],
    [
      'a tag without end',
      `<feed xmlns="http://www.w3.org/2005/Atom" ${Array.from({ length: 200_000 }, (_each, n) => `a${n}="1"`).join(' ')}`,
      expect.stringContaining('a tag is longer than 131072 characters') as never,
    ],
    [
      'readings that nothing says what they are of',
      feed(
        `<entry><content>${block('<IntervalReading><value>1</value></IntervalReading>'.repeat(35_137))}</content></entry>`,
        meterReading(),
      ),
      expect.stringContaining('an entry has more than 35136 readings before a link') as never,
    ],
  ])('with %s is refused as a whole', async (_name, content, told) => {
    const read = await readContent(content)
    expect(read).toMatchObject({ messages: [], told: [told] })
    expect(read.told[0]).toMatch(/^\d+: /)
  })

  test.each<[string, string[], string]>([
    ['a commodity', [usagePoint(), readingType({ commodity: 7 })], "commodity '7' is not electricity"],
    [
      'a unit',
      [usagePoint(), readingType({ uom: 42 })],
      "uom '42' is not taken: only Wh (72), varh (73), VAh (71), W (38), var (63) and VA (61)",
    ],
    ['a direction', [usagePoint(), readingType({ flowDirection: 2 })], "flowDirection '2' has no OBIS code for active energy"],
    [
      'an accumulation',
      [usagePoint(), readingType({ accumulationBehaviour: 12 })],
      "accumulationBehaviour '12' is not one that is taken for uom 72",
    ],
    [
      'a multiplier',
      [usagePoint(), readingType({ powerOfTenMultiplier: 'kilo' })],
      "powerOfTenMultiplier 'kilo' is not a number from -12 to 12",
    ],
    ['a tariff', [usagePoint(), readingType({ tou: 64 })], "tou '64' is not a number from 0 to 63"],
    ['an interval length', [usagePoint(), readingType({ intervalLength: -1 })], "intervalLength '-1' is no number of seconds"],
    [
      'another service',
      [usagePoint('1', `urn:uuid:${POINT}`, 1), readingType()],
      "its usage point is of service kind '1', not electricity (0)",
    ],
    [
      'an id',
      [usagePoint('1', 'tag:my house'), readingType()],
      "the id 'tag:my house' of its usage point is neither urn:uuid: nor a meter id",
    ],
    ['no type', [usagePoint()], 'it has no ReadingType in the file: none has one of its related links'],
    ['no usage point', [readingType()], "it is of no UsagePoint of the file: none has its link 'UsagePoint/1/MeterReading'"],
  ])('with %s that is not taken leaves a meter reading out, and says how much it is', async (_name, entries, reason) => {
    const read = await readContent(feed(meterReading(), ...entries, blocks(block(readings(3)))))
    expect(read).toMatchObject({
      messages: [],
      told: [`3: a MeterReading is left out, with 3 readings: ${reason}`],
      counts: { malformed: 0 },
    })
  })

  test('tells readings that cannot be taken by their lines, and takes the others', async () => {
    const bad = [
      reading(START, 1),
      reading(START, 2),
      reading(START + 450, 3),
      reading(START + 900, '1.5'),
      reading(START + 900, ''),
      reading(START + 900, '9'.repeat(17)),
      reading(START + 900, 4, { duration: 0 }),
      reading(START + 900, 4, { duration: 'long' }),
      reading(START + 900, 4, { duration: 2_592_000 }),
      reading(-1, 4),
      reading(999_999_999_999, 4),
      reading(START + 900, 5),
    ]
    const read = await readContent(usual(blocks(block(`\n${bad.join('\n')}`))))
    const first = Number(read.told[0]?.split(':')[0]) - 3
    expect(read.told.map((text) => text.replace(/^\d+/, (line) => String(Number(line) - first)))).toEqual([
      "3: '1.5' is not a whole number that a reading can hold",
      "5: '99999999999999999' is not a whole number that a reading can hold",
      "6: '0' is not the length of an interval, in seconds",
      "7: 'long' is not the length of an interval, in seconds",
      '8: an interval of 2592000 s is longer than a day, and no part of a load profile',
      "9: '-1' is not a time: expected seconds since 1970",
      "10: '999999999999' is not a time: expected seconds since 1970",
      '1: a second value for this time in one block',
      '2: a second value for this time in one block',
    ])
    expect(read.counts).toMatchObject({ records: 12, missing: 1 })
    expect(profilesOf(read)).toMatchObject([{ values: [1, 5] }])
  })

  test('a second meter reading of one quantity is left out: it would count twice', async () => {
    const twice = 'UsagePoint/1/MeterReading/2'
    const read = await readContent(usual(meterReading(twice), blocks(block(readings(2))), blocks(block(readings(4)), twice)))
    expect(read.told).toEqual([
      expect.stringContaining(
        "with 4 readings: 'UsagePoint/1/MeterReading/1' has the same usage point and OBIS code: its energy would count twice",
      ),
    ])
    expect(profilesOf(read)).toMatchObject([{ values: { length: 2 } }])
  })

  test('a block of no meter reading is told', async () => {
    const read = await readContent(usual(blocks(block(readings(2)), 'elsewhere')))
    expect(read.told).toEqual([
      expect.stringMatching(
        /^\d+: its link 'elsewhere\/IntervalBlock' is of no MeterReading of the file: 2 readings are left out$/,
      ),
    ])
  })
})

const SAMPLES = join(process.cwd(), '..', 'shared', 'data', 'green-button')
const samples = existsSync(SAMPLES) ? readdirSync(SAMPLES).filter((name) => name.endsWith('.xml')) : []
if (samples.length === 0) process.stderr.write(`skipped: there are no Green Button samples in ${SAMPLES}\n`)

;(samples.length === 0 ? test.skip : test)('the samples come in with the sums, counts and times that stand in them', async () => {
  for (const name of samples) {
    const path = join(SAMPLES, name)
    const text = readFileSync(path, 'utf8')
    const found = [...text.matchAll(/<IntervalReading>[\s\S]*?<start>(\d+)<\/start>[\s\S]*?<value>(\d+)<\/value>/g)]
    const read = await readImport(path)
    expect(read.told).toEqual([])
    const values = read.messages.flatMap(({ content: { profiles } }) =>
      profiles.flatMap(({ start, step, values: each, scaler }) => each.map((value, n) => [start + n * step, value, scaler])),
    )
    expect(values).toEqual(found.map(([, start, value]) => [Number(start), Number(value), 0]))
    expect(new Set(read.messages.map(({ zone: each }) => each))).toEqual(new Set(['America/New_York']))
  }
  const [coded, short] = await Promise.all(['01', '11'].map((n) => readImport(join(SAMPLES, `gba-test_usage_data_${n}.xml`))))
  expect(coded && profilesOf(coded)[0]?.quality).toEqual([
    { code: 8, count: 1 },
    { code: 7, count: 1 },
    { code: 0, count: 94 },
  ])
  expect(short && profilesOf(short).map(({ values }) => values.length)).toEqual([92])
})
