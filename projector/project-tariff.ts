/** Rows of a tariff document: pure, like those of blocks. */
import type { EventContent } from '../schemas/records.js'
import { dayOfDate } from '../schemas/tariff/civil.js'
import { type DayShape, dayShapes } from '../schemas/tariff/day-shapes.js'
import { type IntervalPlan, type Plan, readDocument, type Signal, type TimeZone } from '../schemas/tariff/document.js'
import {
  type SpanRow,
  TARIFF_DAYS,
  TARIFF_HOLIDAYS,
  TARIFF_SIGNALS,
  TARIFF_TABLES,
  TARIFF_ZONES,
  TARIFFS,
  type TableRows,
  type TariffDayRow,
  type TariffRow,
  type TariffZoneRow,
  ZONE_OFFSETS,
} from './rows/tariff-tables.js'

type Published = Extract<EventContent, { kind: 'PublishTariff' }>
type Money = [string | null, number | null, number | null, number | null, string | null, number | null]
const NO_MONEY: Money = [null, null, null, null, null, null]

/** Of each table of tariffs, whether or not the event has rows in it. */
export function tariffRows(index: number, { plan, validFrom, document: text }: Published): TableRows[] {
  const read = readDocument(text)
  const kind = read.ok ? read.document.kind : ''
  const money = read.ok && 'currency' in read.document ? moneyOf(read.document) : NO_MONEY
  const row: TariffRow = [index, plan, kind, validFrom * 1000, read.ok ? null : read.fault, ...money, text]
  const others = read.ok ? partsOf(index, validFrom, read.document) : []
  return TARIFF_TABLES.map((table) => {
    if (table === TARIFFS) return { table, rows: [row] }
    return others.find((each) => each.table === table) ?? { table, rows: [] }
  })
}

function moneyOf(plan: Plan): Money {
  const { currency, decimals, priceScaler, standing } = plan
  const [measures, signal] = plan.kind === 'interval-plan' ? [plan.measures, plan.signal ? 1 : 0] : [null, null]
  return [currency, decimals, priceScaler, standing, measures, signal]
}

function partsOf(index: number, validFrom: number, document: Plan | Signal | TimeZone): TableRows[] {
  switch (document.kind) {
    case 'interval-plan':
      return [{ table: TARIFF_ZONES, rows: zoneRows(index, document) }, ...ruleRows(index, document)]
    case 'register-plan':
      return [{ table: TARIFF_ZONES, rows: zoneRows(index, document) }]
    case 'signal':
      return [{ table: TARIFF_SIGNALS, rows: signalRows(index, validFrom, document) }]
    case 'time-zone':
      return [{ table: ZONE_OFFSETS, rows: offsetRows(index, document) }]
  }
}

const zoneRows = (index: number, { zones }: Plan): TariffZoneRow[] =>
  zones.map((zone, i) => [index, i, zone.name, zone.price, 'register' in zone ? String(zone.register) : null])

function ruleRows(index: number, plan: IntervalPlan): TableRows[] {
  const rowOf = ({ season, firstDay, weekday, isHoliday, zones }: DayShape): TariffDayRow => {
    return [index, season, firstDay, weekday, Number(isHoliday), zones]
  }
  const holidays = plan.holidays.map((date, i): [number, number, number] => [index, i, dayOfDate(date) ?? 0])
  return [
    { table: TARIFF_DAYS, rows: dayShapes(plan).map(rowOf) },
    { table: TARIFF_HOLIDAYS, rows: holidays },
  ]
}

function signalRows(index: number, validFrom: number, { step, zones }: Signal): SpanRow[] {
  const rows: SpanRow[] = []
  const timeOf = (place: number) => (validFrom + place * step) * 1000
  for (let from = 0; from < zones.length; ) {
    let to = from + 1
    while (zones[to] === zones[from]) to++
    if (zones[from] !== '-') rows.push([index, timeOf(from), timeOf(to), Number(zones[from])])
    from = to
  }
  return rows
}

/** The first span begins in 1970: nothing is asked of what was before. */
function offsetRows(index: number, { offset, transitions }: TimeZone): SpanRow[] {
  const starts: [number, number][] = transitions[0]?.[0] === 0 ? transitions : [[0, offset], ...transitions]
  return starts.map(([from, each], i) => [index, from * 1000, (starts[i + 1]?.[0] ?? Number.POSITIVE_INFINITY) * 1000, each])
}
