// Small NEM12 and Green Button files, and what stands in them by arithmetic of its own, straight from the text: no code of the importer.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** By `meter channel`, in thousandths of Wh or varh, with the number of intervals. */
export type TextTotals = Record<string, { intervals: number; thousandths: bigint }>

const NMI = 'NMI0000042'
export const HOUSE = '5a3c1d2e-0000-4000-8000-000000000001'
export const SOLAR = '5a3c1d2e-0000-4000-8000-000000000002'

/** `first`: the first value of the first day of E1. */
export function nem12Text(first: string, updated: string): string {
  const day = (date: string, of: (n: number) => string, end: string) =>
    `300,${date},${Array.from({ length: 48 }, (_each, n) => of(n)).join(',')},${end}`
  return [
    '100,NEM12,202010051200,MDP,RETAILER',
    `200,${NMI},E1B1Q1,1,E1,N1,METER1,kWh,30,`,
    day('20201003', (n) => (n === 0 ? first : `0.${String(100 + n)}`), `V,,,${updated},`),
    '400,1,20,S14,76,',
    '400,21,48,A,,',
    day('20201004', (n) => `${n}.0625`, `A,,,${updated},`),
    `200,${NMI},E1B1Q1,2,B1,N1,METER1,Wh,30,`,
    day('20201003', (n) => String(n * 3), `A,,,${updated},`),
    `200,${NMI},E1B1Q1,3,Q1,N1,METER1,kVArh,30,`,
    day('20201003', () => '0.007', `F16,32,,${updated},`),
    '900',
    '',
  ].join('\r\n')
}

/** A day of 92 quarter hours in New York, what a roof fed in meanwhile, in tens of Wh, and a register. */
export function greenButtonText(): string {
  const start = Date.UTC(2021, 2, 14, 5) / 1000
  const entry = (self: string, content: string, related: string[] = [], id = 'urn:uuid:0') =>
    `<entry><id>${id}</id><link rel="self" href="${self}"/>${related.map((href) => `<link rel="related" href="${href}"/>`).join('')}
<content>${content}</content></entry>\n`
  const point = (n: number, id: string) =>
    entry(`U/${n}`, '<e:UsagePoint/>', [`U/${n}/MeterReading`, 'Z'], `urn:uuid:${id.toUpperCase()}`)
  const reading = (of: string, type: string) => entry(of, '<e:MeterReading/>', [`${of}/IntervalBlock`, type])
  const type = (name: string, multiplier: number, direction: number, behaviour: number) =>
    entry(
      name,
      `<e:ReadingType><e:uom>72</e:uom><e:powerOfTenMultiplier>${multiplier}</e:powerOfTenMultiplier>
<e:flowDirection>${direction}</e:flowDirection><e:accumulationBehaviour>${behaviour}</e:accumulationBehaviour></e:ReadingType>`,
    )
  const value = (at: number, length: number, text: string) => `<e:IntervalReading>
<e:timePeriod><e:duration>${length}</e:duration><e:start>${at}</e:start></e:timePeriod><e:value>${text}</e:value></e:IntervalReading>`
  const block = (of: string, values: string[]) =>
    entry(
      `${of}/IntervalBlock/1`,
      `<e:IntervalBlock><e:interval><e:duration>82800</e:duration><e:start>${start}</e:start></e:interval>${values.join('')}</e:IntervalBlock>`,
    )
  const quarters = (of: (n: number) => number) =>
    Array.from({ length: 92 }, (_each, n) => value(start + n * 900, 900, String(of(n))))
  return `<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi"><updated>2021-03-20T00:00:00Z</updated>
${point(1, HOUSE)}${point(2, SOLAR)}${reading('U/1/MeterReading/1', 'T/1')}${reading('U/2/MeterReading/1', 'T/2')}${reading('U/1/MeterReading/2', 'T/3')}
${type('T/1', 0, 1, 4)}${type('T/2', 1, 19, 4)}${type('T/3', 3, 1, 1)}
${entry('Z', '<e:LocalTimeParameters><e:tzOffset>-18000</e:tzOffset><e:dstOffset>3600</e:dstOffset><e:dstStartRule>360E2000</e:dstStartRule><e:dstEndRule>B40E2000</e:dstEndRule></e:LocalTimeParameters>')}
${block(
  'U/1/MeterReading/1',
  quarters((n) => 300 + ((n * 37) % 91)),
)}${block(
  'U/2/MeterReading/1',
  quarters((n) => n % 7),
)}${block('U/1/MeterReading/2', [value(start, 0, '51234'), value(start, 82_800, '51265')])}
</feed>`
}

/** Writes both, and gives their paths. */
export function writeImportable(folder: string): { nem12: string; greenButton: string } {
  const paths = { nem12: join(folder, 'days.csv'), greenButton: join(folder, 'feed.xml') }
  writeFileSync(paths.nem12, nem12Text('1.5', '20201005120000'))
  writeFileSync(paths.greenButton, greenButtonText())
  return paths
}

const add = (totals: TextTotals, key: string, thousandths: bigint) => {
  const before = totals[key] ?? { intervals: 0, thousandths: 0n }
  totals[key] = { intervals: before.intervals + 1, thousandths: before.thousandths + thousandths }
}

/** Of a NEM12 file without null data and versions. */
export function nem12Totals(path: string): TextTotals {
  const units: Record<string, bigint> = { wh: 1n, kwh: 1000n, varh: 1n, kvarh: 1000n }
  const codes: Record<string, string> = { E: '1', B: '2', Q: '3', K: '4' }
  const totals: TextTotals = {}
  let key = ''
  let unit = 0n
  let count = 0
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    const fields = line.split(',')
    if (fields[0] === '200') {
      const [letter = '', number = ''] = fields[4] ?? ''
      key = `${fields[1]} 1-${number === '1' ? '0' : number}:${codes[letter]}.29.0*255`
      unit = units[fields[7]?.toLowerCase() ?? ''] ?? 0n
      count = 1440 / Number(fields[8])
    }
    if (fields[0] !== '300') continue
    for (const value of fields.slice(2, 2 + count)) {
      const [whole = '', decimals = ''] = value.split('.')
      add(totals, key, (BigInt(whole + decimals.padEnd(6, '0')) * unit) / 1000n)
    }
  }
  return totals
}

/** Of all intervals that begin with a time in a Green Button file of one meter reading: by the usage point's id, in Wh. */
export function greenButtonTotals(path: string): TextTotals {
  const text = readFileSync(path, 'utf8')
  const [point = ''] = text.split('<UsagePoint ')
  const id = [...point.matchAll(/urn:uuid:([0-9A-F-]+)/g)].at(-1)?.[1]?.toLowerCase()
  const totals: TextTotals = {}
  for (const [, value = ''] of text.matchAll(/<IntervalReading>[\s\S]*?<value>(\d+)<\/value>/g))
    add(totals, `${id} 1-0:1.29.0*255`, BigInt(value) * 1000n)
  return totals
}
