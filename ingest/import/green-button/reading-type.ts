/** What ESPI's ReadingType says of the values that refer to it: OBIS code, unit, scaler. Codes are those of ESPI's schema (espi.xsd). */
import { LIMITS } from '../../../schemas/limits.js'
import { shown } from '../malformed-file.js'

export interface ReadingType {
  readonly obis: Buffer
  readonly unit: number
  /** Power of ten of the values. It may be beyond what a reading can say: see `scaledBy`. */
  readonly exponent: number
  /** Whether the values are of a register, else of intervals. */
  readonly isRegister: boolean
  /** Of intervals that give none, seconds; undefined: it gives none either. */
  readonly step: number | undefined
  /** Quality of values that give none. */
  readonly quality: number
}

/** By `uom`: DLMS unit, and whether it is a power. */
const UNITS: Readonly<Record<string, { unit: number; kind: 'active' | 'reactive' | 'apparent'; isPower: boolean } | undefined>> =
  {
    '38': { unit: 27, kind: 'active', isPower: true },
    '61': { unit: 28, kind: 'apparent', isPower: true },
    '63': { unit: 29, kind: 'reactive', isPower: true },
    '71': { unit: 31, kind: 'apparent', isPower: false },
    '72': { unit: 30, kind: 'active', isPower: false },
    '73': { unit: 32, kind: 'reactive', isPower: false },
  }
/** C of the OBIS code, by kind and `flowDirection`; none is forward. 1 forward, 19 reverse, 4 net, 20 total, 15 to 18 quadrants. */
const DIRECTIONS: Readonly<Record<string, Readonly<Record<string, number | undefined>>>> = {
  active: { '0': 1, '1': 1, '19': 2, '4': 16, '20': 15 },
  reactive: { '0': 3, '1': 3, '19': 4, '15': 5, '16': 6, '17': 7, '18': 8 },
  apparent: { '0': 9, '1': 9, '19': 10 },
}
/** What is added to C for one phase: `phase` 128 is A, 64 B, 32 C; all others are of the whole supply. */
const PHASES: Readonly<Record<string, number | undefined>> = { '128': 20, '64': 40, '32': 60 }
/** D of the OBIS code, by `accumulationBehaviour`. Of energies: 0, 4 (delta) within the interval; 1 (bulk), 3 (cumulative), 9 (summation)
 *  registers. Of powers: 0, 4 mean of the interval; 6, 12 at its end. */
const ENERGIES: Readonly<Record<string, number | undefined>> = { '0': 29, '4': 29, '1': 8, '3': 8, '9': 8 }
const POWERS: Readonly<Record<string, number | undefined>> = { '0': 27, '4': 27, '6': 7, '12': 7 }
const REGISTER_D = 8
/** Electricity; 0 and none: not said. */
const COMMODITIES = ['0', '1', '2']
/** Highest E of an OBIS code that is a tariff. */
const MOST_TARIFFS = 63

/** Else why its values are not taken. */
export function readReadingType(texts: ReadonlyMap<string, string>): ReadingType | string {
  const text = (name: string) => texts.get(name) ?? '0'
  const unit = UNITS[text('uom')]
  if (!COMMODITIES.includes(text('commodity'))) return `commodity ${shown(text('commodity'))} is not electricity`
  if (unit === undefined)
    return `uom ${shown(text('uom'))} is not taken: only Wh (72), varh (73), VAh (71), W (38), var (63) and VA (61)`
  const c = DIRECTIONS[unit.kind]?.[text('flowDirection')]
  if (c === undefined) return `flowDirection ${shown(text('flowDirection'))} has no OBIS code for ${unit.kind} energy`
  const d = (unit.isPower ? POWERS : ENERGIES)[text('accumulationBehaviour')]
  if (d === undefined)
    return `accumulationBehaviour ${shown(text('accumulationBehaviour'))} is not one that is taken for uom ${text('uom')}`
  const exponent = whole(text('powerOfTenMultiplier'), 12)
  if (exponent === undefined) return `powerOfTenMultiplier ${shown(text('powerOfTenMultiplier'))} is not a number from -12 to 12`
  const tariff = whole(text('tou'), MOST_TARIFFS)
  if (tariff === undefined || tariff < 0) return `tou ${shown(text('tou'))} is not a number from 0 to ${MOST_TARIFFS}`
  const step = whole(text('intervalLength'), LIMITS.stepSeconds)
  if (step === undefined || step < 0) return `intervalLength ${shown(text('intervalLength'))} is no number of seconds`
  return {
    obis: Buffer.from([1, 0, c + (c <= 10 ? (PHASES[text('phase')] ?? 0) : 0), d, tariff, 255]),
    unit: unit.unit,
    exponent,
    isRegister: d === REGISTER_D,
    step: step === 0 ? undefined : step,
    quality: espiQuality(text('defaultQuality')),
  }
}

function whole(text: string, most: number): number | undefined {
  const number = /^[+-]?\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  // + 0: no -0
  return Math.abs(number) <= most ? number + 0 : undefined
}

/** ESPI's own codes; 16 is other, for what this list does not know. */
const QUALITIES = ['0', '7', '8', '9', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19']
const OTHER = 16
const MIXED = 13

/** Of one or several codes with a space between: several that differ are mixed. */
export function espiQuality(text: string): number {
  const codes = new Set(text.split(/\s+/).map((code) => (QUALITIES.includes(code) ? Number(code) : OTHER)))
  const [only = OTHER] = codes
  return codes.size > 1 ? MIXED : only
}

/** A value of 10^exponent units as one of 10^scaler units, scaler within a reading's limits; undefined where it is not a whole number
 *  then, or too large. */
export function scaledBy(exponent: number, value: bigint): { scaler: number; value: number } | undefined {
  const scaler = Math.max(-LIMITS.scaler, Math.min(LIMITS.scaler, exponent))
  const factor = 10n ** BigInt(Math.abs(exponent - scaler))
  if (exponent < scaler && value % factor !== 0n) return undefined
  const scaled = exponent < scaler ? value / factor : value * factor
  return scaled <= BigInt(LIMITS.long) && scaled >= -BigInt(LIMITS.long) ? { scaler, value: Number(scaled) } : undefined
}
