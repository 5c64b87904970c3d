/** Exact amounts. Energy is in 10^-12 kWh: the finest that a value of scaler -9 in Wh can say. */
export const ENERGY_DIGITS = 12

/** Raw integer * 10^scaler Wh. */
export const energyOf = (value: number, scaler: number): bigint => BigInt(value) * 10n ** BigInt(scaler + ENERGY_DIGITS - 3)

/** value / 10^digits, to the nearest integer, halves away from zero: what SQL's round does to decimals. */
export function rounded(value: bigint, digits: number): bigint {
  const unit = 10n ** BigInt(digits)
  const size = value < 0n ? -value : value
  const whole = (2n * size + unit) / (2n * unit)
  return value < 0n ? -whole : whole
}

/** As text with a point, all digits written. */
export function decimalText(value: bigint, digits: number): string {
  const text = String(value < 0n ? -value : value).padStart(digits + 1, '0')
  const at = text.length - digits
  return `${value < 0n ? '-' : ''}${text.slice(0, at)}${digits === 0 ? '' : `.${text.slice(at)}`}`
}

export interface Rate {
  readonly price: number
  readonly priceScaler: number
  readonly decimals: number
}

/** Energy times price, rounded once, in units of 10^-decimals. `decimals` is at most 4, `priceScaler` at least -9. */
export const energyAmount = (energy: bigint, { price, priceScaler, decimals }: Rate): bigint =>
  rounded(energy * BigInt(price) * 10n ** BigInt(decimals), ENERGY_DIGITS - priceScaler)

export const standingAmount = (days: number, { price, priceScaler, decimals }: Rate): bigint =>
  rounded(BigInt(days) * BigInt(price) * 10n ** BigInt(decimals), -priceScaler)
