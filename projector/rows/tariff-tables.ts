import { type Row, type Table, table } from './tables.js'

/** `kind` is empty, and all after `fault` null, where the document cannot be read. */
export type TariffRow = [
  ...[event: number, plan: string, kind: string, validFrom: number, fault: string | null, currency: string | null],
  ...[decimals: number | null, priceScaler: number | null, standing: number | null, measures: string | null],
  ...[signal: number | null, document: string],
]
export const TARIFFS = table<TariffRow>(
  'store.tariffs',
  ...([
    'event_index:int8*',
    'plan:text',
    'kind:text',
    'valid_from:time',
    'fault:text',
    'currency:text',
    'decimals:int2',
  ] as const),
  ...(['price_scaler:int2', 'standing:int8', 'measures:text', 'signal:int2', 'document:text'] as const),
)
export type TariffZoneRow = [event: number, zone: number, name: string, price: number, register: string | null]
export const TARIFF_ZONES = table<TariffZoneRow>(
  'store.tariff_zones',
  ...(['event_index:int8*', 'zone:int2*', 'name:text', 'price:int8', 'register:text'] as const),
)
export type TariffDayRow = [event: number, season: number, firstDay: number, weekday: number, holiday: number, zones: Buffer]
export const TARIFF_DAYS = table<TariffDayRow>(
  'store.tariff_days',
  ...(['event_index:int8*', 'season:int2*', 'first_day:int2', 'weekday:int2*', 'holiday:int2*', 'zones:record'] as const),
)
export const TARIFF_HOLIDAYS = table<[event: number, holiday: number, day: number]>(
  'store.tariff_holidays',
  ...(['event_index:int8*', 'holiday:int2*', 'day:int4'] as const),
)
export type SpanRow = [event: number, from: number, to: number, value: number]
export const TARIFF_SIGNALS = table<SpanRow>(
  'store.tariff_signals',
  ...(['event_index:int8*', 'valid_from:time*', 'valid_to:time', 'zone:int2'] as const),
)
export const ZONE_OFFSETS = table<SpanRow>(
  'store.zone_offsets',
  ...(['event_index:int8*', 'valid_from:time*', 'valid_to:time', 'utc_offset:int4'] as const),
)

/** Rows of one event in one table. */
export interface TableRows {
  readonly table: Table
  readonly rows: readonly Row[]
}

/** Those that PublishTariff events fill, each by its `event_index`. */
export const TARIFF_TABLES: readonly Table[] = [
  ...[TARIFFS, TARIFF_ZONES, TARIFF_DAYS, TARIFF_HOLIDAYS, TARIFF_SIGNALS, ZONE_OFFSETS],
]
