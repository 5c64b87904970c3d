/** Quantities as they are written, to the last digit: never a float. */
import { LIMITS } from '../../schemas/limits.js'
import { shown } from './malformed-file.js'

/** `digits` × 10^-`decimals`, without zeros at the end of the decimals. */
export interface Decimal {
  readonly digits: bigint
  readonly decimals: number
}

/** Whole numbers of 10^scaler units. */
export interface Scaled {
  readonly scaler: number
  readonly values: number[]
}

/** Any message's values fit a common scaler: 4.5e6 kWh with 9 decimals are 4.5e15. */
export const MAX_DECIMALS = 9
const MAX_KWH = BigInt(LIMITS.long) / 10n ** BigInt(MAX_DECIMALS)
const KILO = 3

/** A decimal number without sign or exponent; undefined where it is none. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(\d{1,15})(?:\.(\d{1,30}))?$/.exec(text)
  if (match === null) return undefined
  const [, whole = '', fraction = ''] = match
  const decimals = fraction.replace(/0+$/, '')
  return { digits: BigInt(whole + decimals), decimals: decimals.length }
}

/** A decimal number without sign or exponent of at most 9 decimals, in kWh; else why it is none. */
export function parseKwh(text: string): Decimal | string {
  const decimal = parseDecimal(text)
  if (decimal === undefined) return `${shown(text)} is not an energy: expected digits with a decimal point`
  const { digits, decimals } = decimal
  if (digits / 10n ** BigInt(decimals) >= MAX_KWH) return `${text} kWh are more than a meter can count in an interval`
  return decimals > MAX_DECIMALS ? `${text} has more than ${MAX_DECIMALS} decimals` : decimal
}

/** kWh as whole numbers of 10^scaler Wh, with the largest scaler up to 0 that is exact for all. */
export const toWattHours = (kwh: readonly Decimal[]): Scaled => toIntegers(kwh, KILO)

/** Numbers of 10^prefix units as whole numbers of 10^scaler units, with the largest scaler up to 0 that is exact for all. */
export function toIntegers(numbers: readonly Decimal[], prefix: number): Scaled {
  const decimals = numbers.reduce((most, each) => Math.max(most, each.decimals), prefix)
  const values = numbers.map((each) => Number(each.digits * 10n ** BigInt(decimals - each.decimals)))
  // 0 - 0 is 0, where -0 would be signed otherwise
  return { scaler: 0 - (decimals - prefix), values }
}

/** Whether a reading can hold them, each exactly. */
export const fits = ({ scaler, values }: Scaled): boolean =>
  Math.abs(scaler) <= LIMITS.scaler && values.every((value) => Math.abs(value) <= LIMITS.long)

/** A sum of integers and their scalers that stays exact. */
export class ExactSum {
  /** In units of 10^-9, the finest that a reading knows. */
  #sum = 0n

  add(value: number, scaler: number): void {
    this.#sum += BigInt(value) * 10n ** BigInt(scaler + LIMITS.scaler)
  }

  /** In thousands, as kWh of Wh: a decimal number without needless zeros. */
  toKilo(): string {
    const places = LIMITS.scaler + KILO
    const text = (this.#sum < 0n ? -this.#sum : this.#sum).toString().padStart(places + 1, '0')
    const decimals = text.slice(-places).replace(/0+$/, '')
    const whole = `${this.#sum < 0n ? '-' : ''}${text.slice(0, -places)}`
    return decimals === '' ? whole : `${whole}.${decimals}`
  }
}
