/** Simulated meters and what they send: the same seed gives the same readings. */
import { asMeterId, type MeterId } from '../../schemas/ids.js'
import type { Profile, UsagePoint } from '../../schemas/records.js'
import type { Message } from '../meter/meter-store.js'
import { draw } from './draw.js'
import { householdExport, householdLoad } from './load.js'

export interface Simulation {
  readonly seed: number
  readonly households: number
  /** First hour, seconds since 1970: a whole hour. */
  readonly from: number
  readonly hours: number
  /** Length of an interval, seconds; divides an hour. Default: a quarter of an hour. */
  readonly step?: number
  /** Adds the register 1.8.0, active import since installation. */
  readonly withRegister?: boolean
  /** Adds the export profile of households with a solar roof. */
  readonly withExport?: boolean
}

/** 1-0:1.29.0*255: active energy import within the recording interval (IEC 62056-6-1: C = 1, D = 29). */
export const IMPORT_PROFILE_OBIS = Buffer.from([1, 0, 1, 29, 0, 255])
/** 1-0:2.29.0*255: active energy export within the recording interval. */
export const EXPORT_PROFILE_OBIS = Buffer.from([1, 0, 2, 29, 0, 255])
/** 1-0:1.8.0*255: active energy import, total. */
export const IMPORT_REGISTER_OBIS = Buffer.from([1, 0, 1, 8, 0, 255])
/** DLMS unit of active energy. */
export const WATT_HOURS = 30

const HOUR = 3_600
const QUARTER = 900
/** Meters send within this time after the hour, ms. */
const SPREAD_MILLIS = 120_000

/** Number of a household, from 1, as it stands in ids. Another seed has other households; those of seed 1 have the plain names. */
const nameOf = (number: number, seed: number): string => `${seed === 1 ? '' : `${seed}-`}${String(number).padStart(6, '0')}`

/** Meter of household `number`, from 1. */
export function simulatedMeter(number: number, seed = 1): MeterId {
  return asMeterId(`sim-${nameOf(number, seed)}`)
}

/** Where it measures: 50 households a feeder, four regions. */
export function simulatedPoint(number: number, zone = 'Europe/London', seed = 1): UsagePoint {
  const feeder = Math.floor((number - 1) / 50)
  const region = ['north', 'east', 'south', 'west'][feeder % 4] ?? 'north'
  return { id: `point-${nameOf(number, seed)}`, zone, feeder: `feeder-${feeder + 1}`, region, plan: 'flat' }
}

/** One message of each household for each hour: all households of an hour, then the next hour. Throws RangeError on an hour or step
 *  that is none. Memory: 8 bytes a household, with the register. */
export function* messages(simulation: Simulation): Generator<Message> {
  const { seed, households, from, hours, step = QUARTER, withRegister = false, withExport = false } = simulation
  if (from % HOUR !== 0 || HOUR % step !== 0) throw new RangeError(`${from} s is no whole hour, or ${step} s does not divide one`)
  const totals = new Float64Array(withRegister ? households : 0)
  for (let start = from; start < from + hours * HOUR; start += HOUR) {
    for (let number = 1; number <= households; number++) {
      const taken = profile(IMPORT_PROFILE_OBIS, start, step, (at) => householdLoad(seed, number, at, step))
      const profiles = [taken]
      if (withExport) {
        const given = profile(EXPORT_PROFILE_OBIS, start, step, (at) => householdExport(seed, number, at, step))
        if (given.values.some((value) => value > 0)) profiles.push(given)
      }
      const end = start + HOUR
      const sentAt = end * 1000 + (draw(seed, number, end) % SPREAD_MILLIS)
      const registers = []
      if (withRegister) {
        const total = (totals[number - 1] ?? 0) + taken.values.reduce((sum, value) => sum + value, 0)
        totals[number - 1] = total
        // what it had counted before the simulation began: up to 30 MWh
        const value = (draw(seed, number) % 30_000_000) + total
        registers.push({ obis: IMPORT_REGISTER_OBIS, unit: WATT_HOURS, scaler: 0, at: end, value })
      }
      yield { meter: simulatedMeter(number, seed), content: { sentAt, profiles, registers } }
    }
  }
}

function profile(obis: Buffer, start: number, step: number, load: (at: number) => number): Profile {
  const values = Array.from({ length: HOUR / step }, (_each, index) => load(start + index * step))
  return { obis, unit: WATT_HOURS, scaler: 0, start, step, values, quality: [] }
}
