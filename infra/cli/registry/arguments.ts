import { InvalidArgumentError } from 'commander'
import { fromHex } from '../../../schemas/bytes.js'
import { LIMITS } from '../../../schemas/limits.js'

/** Arguments as a person types them. Each throws commander's InvalidArgumentError, which names the argument. */

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > LIMITS.long) throw new InvalidArgumentError('not a whole number')
  return value
}

export const bytes32 = (text: string): Buffer => {
  try {
    return fromHex(text, 32)
  } catch {
    throw new InvalidArgumentError('not 64 hexadecimal digits')
  }
}

/** Seconds since 1970 from a date (midnight UTC), or a time with its zone. */
export function epochSeconds(text: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(text)
  const millis = isDate || isTime ? Date.parse(text) : Number.NaN
  if (Number.isNaN(millis)) throw new InvalidArgumentError('not a date (2027-01-01: midnight UTC) or time (2027-01-01T00:00:00Z)')
  return millis / 1000
}
