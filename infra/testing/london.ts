/** The London trial (../shared/data): its files, and its tariffs as plans of the registry. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Decimal } from '../../ingest/import/decimal.js'
import { contentsOf, dayOf, readLine, slotOf } from '../../ingest/import/lcl.js'
import { timeZoneDocument } from '../registry/time-zone-document.js'
import type { BilledChain } from './billed-chain.js'

const DATA = join('..', 'shared', 'data')
const READINGS = join(DATA, 'lcl-2013')
const TARIFFS = join(DATA, 'lcl-tariffs')

export const hasLondon = (): boolean => existsSync(READINGS) && existsSync(TARIFFS)

export const unzipped = (path: string): string => gunzipSync(readFileSync(path)).toString('utf8')
const linesOf = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== '')

/** Meter → tariff group. */
export const households = (): Map<string, string> =>
  new Map(
    linesOf(readFileSync(join(TARIFFS, 'households.csv'), 'utf8'))
      .slice(1)
      .map((line): [string, string] => {
        const [meter = '', group = ''] = line.split(',')
        return [meter, group]
      }),
  )

export const londonFiles = (): { meter: string; path: string }[] =>
  readdirSync(READINGS)
    .sort()
    .map((name) => ({ meter: name.replace('.csv.gz', ''), path: join(READINGS, name) }))

/** Time (GMT, as in the file) → High, Normal or Low. */
export const signalRows = (): [string, string][] =>
  linesOf(unzipped(join(TARIFFS, 'tariffs-2013.csv.gz')))
    .slice(1)
    .map((line): [string, string] => {
      const [time = '', tariff = ''] = line.split(',')
      return [time, tariff]
    })

const YEAR = Date.UTC(2013, 0, 1) / 1000
const MONEY = { version: 1, kind: 'interval-plan', currency: 'GBP', decimals: 2, priceScaler: -5, standing: 0 } as const
const MEASURES = { measures: '1-0:1.29.0*255', schedule: [], holidays: [] } as const

/** Prices of the trial, in 10^-5 pounds. */
export function publishLondon(chain: BilledChain): void {
  chain.publish('Europe/London', 0, timeZoneDocument('Europe/London', 2000, 2040))
  chain.publish('Std', 0, { ...MONEY, ...MEASURES, zones: [{ name: 'Std', price: 14_228 }], signal: false })
  const zones = Object.entries({ Normal: 11_760, High: 67_200, Low: 3_990 }).map(([name, price]) => ({ name, price }))
  chain.publish('ToU', 0, { ...MONEY, ...MEASURES, zones, signal: true })
  const digits = signalRows().map(([, tariff]) => zones.findIndex(({ name }) => name === tariff))
  chain.publish('ToU', YEAR, { version: 1, kind: 'signal', step: 1800, zones: digits.join('') })
}

/** A household's days, each a message as the importer makes it. */
export function addHousehold(chain: BilledChain, { meter, path }: { meter: string; path: string }): void {
  const days = new Map<number, Map<number, Decimal>>()
  for (const line of linesOf(unzipped(path))) {
    const read = readLine(line.split(','))
    if (read.kind !== 'reading') continue
    const day = days.get(dayOf(read.start)) ?? new Map<number, Decimal>()
    days.set(dayOf(read.start), day.set(slotOf(read.start), read.kwh))
  }
  for (const [day, each] of days) {
    for (const { sentAt, profiles = [] } of contentsOf(day, each))
      chain.add(meter, { sentAt, profiles, registers: [], revises: null })
  }
}
