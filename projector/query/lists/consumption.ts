/** Usage points, meters, and what was measured. */

import { days, equal, OF_LANE, times } from './conditions.js'
import { named } from './glossary.js'
import type { List } from './list.js'

const PLACE = {
  region: equal('region', 'of this region alone'),
  feeder: equal('feeder', 'of this feeder alone'),
  plan: equal('plan', 'of this tariff plan alone'),
}
const OBIS = { obis: equal('obis', 'of this OBIS code alone') }

export const POINT_PATH = { id: equal('usage_point', 'the usage point’s id') }
const METER_PATH = { id: equal('meter', 'the meter’s id') }
export const WITHIN_POINT = {
  exists: 'SELECT FROM analytics.usage_point_meters WHERE usage_point = $1 LIMIT 1',
  missing: ({ id }: Readonly<Record<string, unknown>>) =>
    `no meter was ever at a usage point '${id}': /v1/usage-points lists them`,
}
const WITHIN_METER = {
  exists: 'SELECT FROM analytics.meters WHERE meter = $1 LIMIT 1',
  missing: ({ id }: Readonly<Record<string, unknown>>) => `no meter '${id}' is enrolled: /v1/meters lists them`,
}

const INTERVALS = {
  scope: 'readings',
  from: () => 'analytics.intervals',
  columns: {
    ...named('usagePoint', 'meter', 'obis'),
    ...{ start: 'interval_start', end: 'interval_end' },
    ...named('stepSeconds', 'value', 'unit', 'kwh', 'quality', 'plan', 'sequence', 'lane', 'height', 'entry'),
  },
  nullable: ['kwh'],
} as const satisfies Partial<List>

const REGISTERS = {
  scope: 'readings',
  from: () => 'analytics.registers',
  columns: {
    ...named('usagePoint', 'meter', 'obis', 'readAt', 'value', 'unit', 'kwh', 'plan', 'sequence', 'lane', 'height', 'entry'),
  },
  nullable: ['kwh'],
  query: { ...times('read_at'), ...OBIS },
} as const satisfies Partial<List>

const byMeter = (time: string) =>
  [
    [time, 'timestamptz'],
    ['meter', 'text'],
    ['obis', 'text'],
  ] as const
const byPoint = (time: string) => [['usage_point', 'text'], ...byMeter(time)] as const

const DAILY = {
  scope: 'readings',
  from: () => 'analytics.point_days',
  columns: named(
    ...(['day', 'usagePoint', 'zone', 'region', 'feeder', 'plan', 'obis', 'kwh', 'intervals', 'estimatedIntervals'] as const),
    ...(['coveredSeconds', 'expectedSeconds', 'completeness', 'dayStart', 'dayEnd', 'meters', 'lanes'] as const),
    ...(['firstHeights', 'lastHeights'] as const),
  ),
  nullable: ['kwh'],
  order: [
    ['usage_point', 'text'],
    ['day', 'date'],
    ['obis', 'text'],
    ['plan', 'text'],
    ['feeder', 'text'],
    ['region', 'text'],
    ['zone', 'text'],
  ],
  description: 'Days without any interval are there too, without energy. An interval belongs to the day that it begins in.',
} as const satisfies Partial<List>

export const USAGE_POINTS: List = {
  path: '/v1/usage-points',
  operationId: 'listUsagePoints',
  summary: 'Usage points, with the newest meter of each',
  scope: 'readings',
  from: () =>
    `(SELECT DISTINCT ON (usage_point) * FROM analytics.usage_point_meters
       WHERE valid_from <= now() ORDER BY usage_point, valid_from DESC, meter) newest`,
  columns: named('usagePoint', 'zone', 'region', 'feeder', 'plan', 'meter', 'validFrom', 'validTo', 'event'),
  nullable: ['validTo'],
  query: PLACE,
  order: [['usage_point', 'text']],
}

export const CONSUMPTION: readonly List[] = [
  USAGE_POINTS,
  {
    path: '/v1/usage-points/:id/meters',
    operationId: 'listMetersOfUsagePoint',
    summary: 'Which meter measured a usage point when: exchanges, moves, changes of plan',
    ...{ scope: 'readings', of: POINT_PATH, within: WITHIN_POINT },
    from: () => 'analytics.usage_point_meters',
    columns: named(
      ...(['usagePoint', 'meter', 'validFrom', 'validTo', 'zone', 'region', 'feeder', 'plan'] as const),
      ...(['firstInterval', 'lastInterval', 'lane', 'event'] as const),
    ),
    nullable: ['validTo', 'firstInterval', 'lastInterval'],
    query: {},
    order: [
      ['valid_from', 'timestamptz'],
      ['meter', 'text'],
    ],
  },
  {
    ...INTERVALS,
    ...{ path: '/v1/usage-points/:id/intervals', operationId: 'listIntervalsOfUsagePoint' },
    ...{ summary: 'Interval data of a usage point, through exchanges of its meter', of: POINT_PATH, within: WITHIN_POINT },
    query: { ...times('interval_start'), ...OBIS },
    order: byPoint('interval_start'),
  },
  {
    ...REGISTERS,
    ...{ path: '/v1/usage-points/:id/registers', operationId: 'listRegistersOfUsagePoint' },
    ...{ summary: 'Register readings of a usage point', of: POINT_PATH, within: WITHIN_POINT },
    order: byPoint('read_at'),
  },
  {
    ...DAILY,
    ...{ path: '/v1/usage-points/:id/daily', operationId: 'listDaysOfUsagePoint' },
    ...{ summary: 'Energy of a usage point by local day', of: POINT_PATH, within: WITHIN_POINT },
    query: { ...days(), ...OBIS },
  },
  {
    path: '/v1/meters',
    operationId: 'listMeters',
    summary: 'Enrolled meters, with the usage point of now',
    scope: 'readings',
    from: () => 'analytics.meters',
    columns: named(
      ...(['meter', 'lane', 'signer', 'key', 'retiredFrom', 'usagePoint', 'zone', 'region', 'feeder', 'plan'] as const),
      ...(['enrolledEvent', 'assignedEvent'] as const),
    ),
    nullable: ['retiredFrom'],
    query: {
      lane: OF_LANE,
      usagePoint: equal('usage_point', 'of this usage point alone'),
      ...PLACE,
    },
    order: [['meter', 'text']],
  },
  {
    ...INTERVALS,
    ...{ path: '/v1/meters/:id/intervals', operationId: 'listIntervalsOfMeter' },
    ...{ summary: 'Interval data of a meter', of: METER_PATH, within: WITHIN_METER },
    query: { ...times('interval_start'), ...OBIS },
    order: byMeter('interval_start'),
  },
  {
    ...REGISTERS,
    ...{ path: '/v1/meters/:id/registers', operationId: 'listRegistersOfMeter' },
    ...{ summary: 'Register readings of a meter', of: METER_PATH, within: WITHIN_METER },
    order: byMeter('read_at'),
  },
  {
    ...INTERVALS,
    ...{
      path: '/v1/intervals',
      operationId: 'listIntervals',
      summary: 'Interval data of all meters, of some days',
      mostDays: 31,
    },
    query: { ...times('interval_start', true), ...OBIS, ...PLACE },
    order: byPoint('interval_start'),
  },
  {
    ...DAILY,
    ...{ path: '/v1/daily', operationId: 'listDays', summary: 'Energy of all usage points by local day', mostDays: 366 },
    query: { ...days(true), ...OBIS, ...PLACE },
  },
]
