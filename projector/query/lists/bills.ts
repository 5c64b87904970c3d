/** Bills, their lines, and the tariffs that they are by. */
import { equal } from './conditions.js'
import { POINT_PATH, WITHIN_POINT } from './consumption.js'
import { named } from './glossary.js'
import type { Given, List } from './list.js'
import { choice, month, time } from './parameters.js'

const AS_OF = {
  kind: time,
  description: 'as it was known at this time: by blocks that were final, and events of the registry that they named',
}
const ONE_MONTH = { kind: month, description: 'of this month alone: YYYY-MM', where: (value: string) => `month = ${value}` }

/** A function takes the point itself, for a condition on its rows would come after all points were billed. */
const ofPoint = (view: string) => (given: Given) =>
  given('asOf') === undefined ? `analytics.${view}` : `analytics.${view}_as_of(${given('asOf')}, ${given('id')})`

/** One point after the other, so that a page costs what it holds: a year of half-hours of a point takes 100 ms. All at once take a third
 *  of that each, but a page would wait for all. OFFSET keeps the planner from doing so. */
const ofMonth = (view: string) => (given: Given) => {
  const [asOf, own] = [given('asOf'), 'of.usage_point = points.point']
  const source = asOf === undefined ? `analytics.${view} of WHERE ${own}` : `analytics.${view}_as_of(${asOf}, points.point) of`
  return `(SELECT DISTINCT usage_point AS point FROM store.assignments) points CROSS JOIN LATERAL (SELECT * FROM ${source} OFFSET 0) bills`
}
const POINT_FIRST = ['point', 'text'] as const

const BILLS = {
  scope: 'bills',
  columns: named(
    ...(['usagePoint', 'month', 'plans', 'amount', 'currency', 'kwh', 'estimatedKwh', 'completeness', 'lines'] as const),
    'problems',
  ),
  nullable: ['amount', 'completeness'],
  order: [
    ['month', 'date'],
    ['currency', 'text'],
    ['problems', 'text[]'],
  ],
  description: 'Exact, after all corrections, by the rules of schemas/SPEC.md, section 18. With `asOf`: as it was known then.',
} as const satisfies Partial<List>

const LINES = {
  ...BILLS,
  columns: named(
    ...(['usagePoint', 'month', 'plan', 'event', 'tariffZone', 'name', 'kwh', 'estimatedKwh', 'measured'] as const),
    ...(['coveredSeconds', 'monthSeconds', 'price', 'amount', 'currency', 'problems'] as const),
  ),
  nullable: ['tariffZone', 'kwh', 'estimatedKwh', 'coveredSeconds', 'amount'],
  order: [
    ['month', 'date'],
    ['plan', 'text'],
    ['event', 'int8'],
    ['coalesce(tariff_zone, -1)', 'int8'],
  ],
} as const satisfies Partial<List>

const OF_POINT = { of: POINT_PATH, within: WITHIN_POINT, query: { month: ONE_MONTH, asOf: AS_OF } }
const OF_MONTH = { isCostly: true, query: { month: { ...ONE_MONTH, isRequired: true }, asOf: AS_OF } }

export const BILLING: readonly List[] = [
  {
    ...BILLS,
    ...{ path: '/v1/usage-points/:id/bills', operationId: 'listBillsOfUsagePoint', summary: 'Bills of a usage point, by month' },
    ...OF_POINT,
    from: ofPoint('bills'),
  },
  {
    ...LINES,
    ...{ path: '/v1/usage-points/:id/bill-lines', operationId: 'listBillLinesOfUsagePoint' },
    ...{ summary: 'The lines of a usage point’s bills', ...OF_POINT },
    from: ofPoint('bill_lines'),
  },
  {
    ...BILLS,
    ...{ path: '/v1/bills', operationId: 'listBills', summary: 'Bills of all usage points of a month', ...OF_MONTH },
    from: ofMonth('bills'),
    order: [POINT_FIRST, ...BILLS.order],
  },
  {
    ...LINES,
    ...{ path: '/v1/bill-lines', operationId: 'listBillLines', summary: 'The lines of all bills of a month', ...OF_MONTH },
    from: ofMonth('bill_lines'),
    order: [POINT_FIRST, ...LINES.order],
  },
  {
    path: '/v1/tariffs',
    operationId: 'listTariffs',
    summary: 'Tariff documents of the registry: plans, their signals, and time zones',
    scope: 'bills',
    from: () => 'analytics.tariffs',
    columns: named('event', 'plan', 'kind', 'validFrom', 'fault', 'currency', 'standing', 'zones', 'document'),
    nullable: ['kind', 'fault', 'currency', 'standing', 'zones'],
    query: {
      plan: equal('plan', 'of this name alone'),
      kind: equal('kind', 'of this kind alone', choice('interval-plan', 'register-plan', 'signal', 'time-zone')),
    },
    order: [['event', 'int8']],
  },
]
