import { InvalidArgumentError } from 'commander'
import { fromHex } from '../../../schemas/bytes.js'
import { LIMITS } from '../../../schemas/limits.js'
import { INSTANT_FORM, instantOf } from '../../../schemas/tariff/instant.js'

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

/** Milliseconds since 1970 from a date (midnight UTC), or a time with its zone. */
export function epochMillis(text: string): number {
  const millis = instantOf(text)
  if (millis === undefined) throw new InvalidArgumentError(`expected ${INSTANT_FORM}`)
  return millis
}

/** As `epochMillis`, in whole seconds. */
export function epochSeconds(text: string): number {
  const millis = epochMillis(text)
  if (millis % 1_000 !== 0) throw new InvalidArgumentError('expected whole seconds')
  return millis / 1_000
}
