/** Energies as they are written, to the last digit: never a float. */
import { LIMITS } from '../../schemas/limits.js'

/** `digits` × 10^-`decimals`, without zeros at the end of the decimals. */
export interface Decimal {
  readonly digits: bigint
  readonly decimals: number
}

/** Any message's values fit a common scaler: 4.5e6 kWh with 9 decimals are 4.5e15. */
export const MAX_DECIMALS = 9
const MAX_KWH = BigInt(LIMITS.long) / 10n ** BigInt(MAX_DECIMALS)
const KILO = 3

/** A decimal number without sign or exponent of at most 9 decimals, in kWh; else why it is none. */
export function parseKwh(text: string): Decimal | string {
  const match = /^(\d{1,15})(?:\.(\d{1,30}))?$/.exec(text)
  if (match === null) return `'${text.slice(0, 40)}' is not an energy: expected digits with a decimal point`
  const decimals = (match[2] ?? '').replace(/0+$/, '')
  const whole = BigInt(match[1] ?? '')
  if (whole >= MAX_KWH) return `${text} kWh are more than a meter can count in an interval`
  if (decimals.length > MAX_DECIMALS) return `${text} has more than ${MAX_DECIMALS} decimals`
  return { digits: whole * 10n ** BigInt(decimals.length) + BigInt(decimals === '' ? 0 : decimals), decimals: decimals.length }
}

/** kWh as whole numbers of 10^scaler Wh, with the largest scaler up to 0 that is exact for all. */
export function toWattHours(kwh: readonly Decimal[]): { scaler: number; values: number[] } {
  const decimals = kwh.reduce((most, each) => Math.max(most, each.decimals), KILO)
  const values = kwh.map((each) => Number(each.digits * 10n ** BigInt(decimals - each.decimals)))
  return { scaler: decimals === KILO ? 0 : KILO - decimals, values }
}

/** A sum of kWh that stays exact. */
export class KwhSum {
  #nano = 0n

  add({ digits, decimals }: Decimal): void {
    this.#nano += digits * 10n ** BigInt(MAX_DECIMALS - decimals)
  }

  /** As a decimal number without needless zeros. */
  toString(): string {
    const text = this.#nano.toString().padStart(MAX_DECIMALS + 1, '0')
    const decimals = text.slice(-MAX_DECIMALS).replace(/0+$/, '')
    const whole = text.slice(0, -MAX_DECIMALS)
    return decimals === '' ? whole : `${whole}.${decimals}`
  }
}
