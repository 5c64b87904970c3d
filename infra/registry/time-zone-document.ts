/** A time zone's document for the registry, from what this machine's ICU knows. People look at it before they sign: from then on the
 *  registry's word counts, and no machine's. */
import type { TimeZone } from '../../schemas/tariff/document.js'

const DAY = 86_400

/** Offsets and their changes in the years from `firstYear` up to `endYear`, itself outside. Throws RangeError where the zone is not
 *  known here. */
export function timeZoneDocument(zone: string, firstYear: number, endYear: number): TimeZone {
  const offsetOf = offsetReader(zone)
  const start = Math.max(0, Date.UTC(firstYear, 0, 1) / 1000)
  const end = Date.UTC(endYear, 0, 1) / 1000
  const transitions: [number, number][] = []
  for (let day = start; day < end; day += DAY) {
    if (offsetOf(day) === offsetOf(day + DAY)) continue
    const at = firstChange(offsetOf, day, day + DAY)
    transitions.push([at, offsetOf(at)])
  }
  return { version: 1, kind: 'time-zone', offset: offsetOf(start), transitions }
}

/** The first second with another offset than at `from`; at `to` it is another. */
function firstChange(offsetOf: (at: number) => number, from: number, to: number): number {
  const before = offsetOf(from)
  let [same, other] = [from, to]
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2)
    if (offsetOf(middle) === before) same = middle
    else other = middle
  }
  return other
}

/** Seconds that local time is ahead of UTC. */
function offsetReader(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  return (at) => {
    const name = format.formatToParts(at * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name)
    if (match === null) throw new RangeError(`the offset of ${zone} is told as '${name}'`)
    const [, sign, hours = '0', minutes = '0', seconds = '0'] = match
    const size = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
    return sign === '-' ? -size : size
  }
}
