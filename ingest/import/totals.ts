/** What was signed, by meter and channel, exact. */
import { obisText } from '../../schemas/obis.js'
import type { ReadingContent } from '../meter/sign-reading.js'
import { ExactSum } from './decimal.js'

export interface ChannelTotal {
  readonly meter: string
  /** A-B:C.D.E*F */
  readonly obis: string
  /** DLMS unit of the channel: the total is in thousands of it, as kWh of Wh. */
  readonly unit: number
  readonly intervals: number
  /** Exact decimal text. */
  readonly total: string
}

export class Totals {
  readonly #channels = new Map<string, { meter: string; obis: string; unit: number; intervals: number; sum: ExactSum }>()
  intervals = 0
  registers = 0

  add(meter: string, { profiles, registers = [] }: ReadingContent): void {
    this.registers += registers.length
    for (const { obis, unit, scaler, values } of profiles) {
      const key = `${meter} ${obis.toString('hex')}`
      const channel = this.#channels.get(key) ?? { meter, obis: obisText(obis), unit, intervals: 0, sum: new ExactSum() }
      this.#channels.set(key, channel)
      channel.intervals += values.length
      this.intervals += values.length
      for (const value of values) channel.sum.add(value, scaler)
    }
  }

  /** In the order in which they came first. */
  all(): ChannelTotal[] {
    return [...this.#channels.values()].map(({ sum, ...channel }) => ({ ...channel, total: sum.toKilo() }))
  }
}
