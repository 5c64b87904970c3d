import { expect, test } from '@jest/globals'
import { BilledChain } from '../../infra/testing/billed-chain.js'
import { fullTest } from '../../infra/testing/full.js'
import { addHousehold, hasLondon, households, londonFiles, publishLondon } from '../../infra/testing/london.js'
import { openQueried, type Queried } from '../../infra/testing/queried.js'
import { withClient } from '../migrate.js'

const MINUTES = 60_000
const YEAR = ['2013-01-01', '2014-01-01'] as const

const name = 'on the London data every list comes within its bounds, and a stream has all of it, to the last digit'
if (!hasLondon()) test.skip(`${name} (there are no London files)`, () => undefined)
else fullTest(name, askLondon, 10 * MINUTES)

function london(): BilledChain {
  const chain = new BilledChain()
  publishLondon(chain)
  const groups = households()
  const place = { zone: 'Europe/London', feeder: 'feeder', region: 'London' }
  const meters = londonFiles().map(({ meter }) => meter)
  chain.enrol(meters.map((meter) => ({ meter, usagePoint: { ...place, id: meter, plan: groups.get(meter) ?? '' } })))
  for (const file of londonFiles()) addHousehold(chain, file)
  chain.seal(Date.UTC(2014, 0, 2))
  return chain
}

async function askLondon(): Promise<void> {
  const chain = london()
  const queried = await openQueried({ chain })
  try {
    await pagesInTime(queried)
    const [months, expected] = [monthsOf(), await totals(queried)]
    const streamed = { intervals: 0, kwh: 0n }
    for (const [from, to] of months) {
      for (const { kwh } of await lines(queried, `/v1/intervals?from=${from}T00:00:00Z&to=${to}T00:00:00Z`)) {
        streamed.intervals += 1
        streamed.kwh += wattHours(kwh)
      }
    }
    expect(streamed).toEqual(expected)
    const days = await lines(queried, `/v1/daily?from=${YEAR[0]}&to=${YEAR[1]}`)
    expect(days.reduce((sum, { kwh }) => sum + (kwh === null ? 0n : wattHours(kwh)), 0n)).toBe(expected.kwh)
  } finally {
    await queried.close()
  }
}

/** Those that look at most of the tables; none may answer that it took too long. */
async function pagesInTime(queried: Queried): Promise<void> {
  const point = '/v1/usage-points/MAC000002'
  const paths = [
    ...['/v1/usage-points?limit=1000', '/v1/meters?limit=1000', '/v1/lanes/0/blocks?limit=1000'],
    ...[`${point}/intervals?limit=1000`, `${point}/daily?limit=1000`, `${point}/bills`],
    `${point}/bill-lines?asOf=2014-02-01T00:00:00Z`,
    '/v1/intervals?from=2013-07-01T00:00:00Z&to=2013-08-01T00:00:00Z&limit=1000',
    `/v1/daily?from=${YEAR[0]}&to=${YEAR[1]}&limit=1000`,
    ...['/v1/bills?month=2013-07&limit=20', '/v1/bill-lines?month=2013-07&limit=20'],
  ]
  for (const path of paths) {
    const began = performance.now()
    const answer = await fetch(queried.url + path)
    const { items } = (await answer.json()) as { items: unknown[] }
    process.stderr.write(`${Math.round(performance.now() - began)} ms, ${items?.length} rows: ${path}\n`)
    expect([path, answer.status]).toEqual([path, 200])
  }
}

interface Line {
  readonly kwh: string | null
}

async function lines(queried: Queried, path: string): Promise<Line[]> {
  const began = performance.now()
  const answer = await fetch(queried.url + path, { headers: { accept: 'application/x-ndjson' } })
  expect([path, answer.status]).toEqual([path, 200])
  const rows = (await answer.text()).trimEnd().split('\n')
  process.stderr.write(`${Math.round(performance.now() - began)} ms, ${rows.length} rows as a stream: ${path}\n`)
  return rows.map((row) => JSON.parse(row))
}

/** From first days, to first days of the next. */
const monthsOf = (): (readonly [string, string])[] =>
  Array.from({ length: 12 }, (_, month) => {
    const first = (at: number) => new Date(Date.UTC(2013, at, 1)).toISOString().slice(0, 10)
    return [first(month), first(month + 1)] as const
  })

const DIGITS = 7
/** 10^-4 Wh, so that nothing is rounded. */
function wattHours(kwh: string | null): bigint {
  const [whole = '', fraction = ''] = (kwh ?? '').split('.')
  if (!/^\d+$/.test(whole) || fraction.replace(/0+$/, '').length > DIGITS) throw new Error(`${kwh} kWh`)
  return BigInt(whole + fraction.slice(0, DIGITS).padEnd(DIGITS, '0'))
}

const totals = ({ testDatabase }: Queried): Promise<{ intervals: number; kwh: bigint }> =>
  withClient(testDatabase.analystUrl, async (analyst) => {
    const { rows } = await analyst.query<{ intervals: number; kwh: string }>(
      'SELECT count(*)::int AS intervals, sum(kwh)::text AS kwh FROM analytics.intervals',
    )
    return { intervals: rows[0]?.intervals ?? 0, kwh: wattHours(rows[0]?.kwh ?? null) }
  })
