/** The London households of 2013 as a ledger: a message a meter-day, which becomes final a minute after its end. What the trial has
 *  nothing of is added by `london-additions.ts`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Decimal } from '../../../ingest/import/decimal.js'
import { contentsOf, dayOf, readLine, slotOf, startOf } from '../../../ingest/import/lcl.js'
import { readableLines } from '../../../ingest/import/read-csv.js'
import type { UsagePoint } from '../../../schemas/records.js'
import type { Batch, DataSet, PlannedMessage } from './data-set.js'
import { Additions, HOUSEHOLDS_A_FEEDER } from './london-additions.js'

/** The files, where there are any. */
export const LONDON = join(process.cwd(), '..', 'shared', 'data', 'lcl-2013')

/** Day → meter → half hours. */
export type Days = Map<number, Map<string, Map<number, Decimal>>>

/** Of the first `households` files of a folder `lcl-2013`, beside which `lcl-tariffs` lies. */
export async function londonData(folder: string, households = Number.POSITIVE_INFINITY): Promise<DataSet> {
  const files = readdirSync(folder).sort().slice(0, households)
  const days: Days = new Map()
  const meters = new Set<string>()
  for (const file of files) {
    for await (const { fields } of readableLines(join(folder, file))) {
      const read = readLine(fields)
      if (read.kind === 'malformed') throw new Error(`${file}: ${read.reason}`)
      if (read.kind !== 'reading') continue
      const { meter, start, kwh } = read
      meters.add(meter)
      slotsOf(days, dayOf(start), meter).set(slotOf(start), kwh)
    }
  }
  const plans = plansOf(join(folder, '..', 'lcl-tariffs', 'households.csv'))
  const points = new Map([...meters].map((meter, index) => [meter, pointOf(meter, index, plans.get(meter) ?? '')]))
  return dataSet(days, points)
}

function slotsOf(days: Days, day: number, meter: string): Map<number, Decimal> {
  const ofDay = days.get(day) ?? new Map<string, Map<number, Decimal>>()
  days.set(day, ofDay)
  const slots = ofDay.get(meter) ?? new Map<number, Decimal>()
  ofDay.set(meter, slots)
  return slots
}

/** Meter → std or tou. */
const plansOf = (file: string): Map<string, string> =>
  new Map(
    readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(','))
      .map(([meter = '', plan = '']) => [meter, plan.toLowerCase()]),
  )

function pointOf(meter: string, index: number, plan: string): UsagePoint {
  const feeder = Math.floor(index / HOUSEHOLDS_A_FEEDER) + 1
  return {
    id: `point-${meter.slice(3)}`,
    zone: 'Europe/London',
    feeder: `feeder-${feeder}`,
    region: feeder < 3 ? 'north' : 'south',
    plan,
  }
}

function dataSet(days: Days, points: ReadonlyMap<string, UsagePoint>): DataSet {
  const additions = new Additions(points)
  return { meters: additions.meters(), batches: () => batches(days, new Additions(points)) }
}

function* batches(days: Days, additions: Additions): Generator<Batch> {
  for (const day of [...days.keys()].sort((a, b) => a - b)) {
    const messages: PlannedMessage[] = []
    for (const [meter, slots] of days.get(day) ?? [])
      messages.push(...additions.messagesOf(meter, day, slots, (part) => contentsOf(day, part)))
    messages.push(...additions.messagesBeside(day))
    yield { finalAt: startOf(day + 1, 0) * 1000 + 60_000, messages }
  }
}
