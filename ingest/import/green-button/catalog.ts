/** The first look at a feed: which meter readings there are, of which usage point, type and zone. Entries name each other by links, in
 *  any order, so no interval can be read before all is known. Memory grows with the meters, not with the intervals. */
import { isMeterId } from '../../../schemas/ids.js'
import { shown } from '../malformed-file.js'
import type { Entry, FeedHandler, Link, Resource } from './feed.js'
import { type ReadingType, readReadingType } from './reading-type.js'
import { zoneOfParameters } from './zone.js'

/** Values of one type at one usage point. */
export interface MeterReading {
  readonly line: number
  readonly href: string
  /** What its values are; else why they are left out. */
  readonly channel: Channel | string
}
export interface Channel extends ReadingType {
  readonly meter: string
  readonly zone: string
}

interface UsagePoint {
  readonly id: string
  readonly service: string
  readonly related: readonly string[]
}
interface Unresolved {
  readonly line: number
  readonly href: string
  readonly up: string
  readonly related: readonly string[]
}

const ELECTRICITY = '0'

/** Links are compared as they are written, but for a slash at the end. */
export const plainHref = (href: string): string => href.trim().replace(/\/+$/, '')
export const parentOf = (href: string): string => href.slice(0, Math.max(0, href.lastIndexOf('/')))
export const hrefOf = (links: readonly Link[], rel: string): string =>
  plainHref(links.find((link) => link.rel === rel)?.href ?? '')

export class Catalog implements FeedHandler {
  /** By their own links, and by those that they give for their meter readings. */
  readonly #usagePoints = new Map<string, UsagePoint>()
  readonly #types = new Map<string, ReadonlyMap<string, string>>()
  readonly #zones = new Map<string, string | undefined>()
  readonly #unresolved: Unresolved[] = []
  #updated = ''

  updated(text: string): void {
    this.#updated = text
  }

  reading(): void {
    // read at the second look
  }

  entry({ id, line, links, resources }: Entry): void {
    const self = hrefOf(links, 'self')
    const related = links.filter(({ rel }) => rel === 'related').map(({ href }) => plainHref(href))
    const up = hrefOf(links, 'up')
    for (const resource of resources)
      this.#resource(resource, { id, line, href: self, up: up === '' ? parentOf(self) : up, related })
  }

  /** Seconds since 1970; 0 where the feed does not say. */
  get version(): number {
    const millis = Date.parse(this.#updated)
    return Number.isNaN(millis) ? 0 : Math.floor(millis / 1000)
  }

  /** Meter readings by the links that their blocks may name as above them. */
  meterReadings(): Map<string, MeterReading> {
    const byLink = new Map<string, MeterReading>()
    const seen = new Map<string, string>()
    for (const unresolved of this.#unresolved) {
      const { line, href, related } = unresolved
      const reading = { line, href, channel: this.#channelOf(unresolved, seen) }
      const types = related.filter((link) => !this.#types.has(link))
      for (const link of [...ownLinks(href, 'IntervalBlock'), ...types]) byLink.set(link, reading)
    }
    return byLink
  }

  #resource({ name, texts }: Resource, entry: Unresolved & { readonly id: string }): void {
    const { id, href, related } = entry
    if (name === 'UsagePoint') {
      const usagePoint = { id, service: texts.get('ServiceCategory/kind') ?? ELECTRICITY, related }
      for (const link of [...ownLinks(href, 'MeterReading'), ...related]) this.#usagePoints.set(link, usagePoint)
    } else if (name === 'MeterReading') this.#unresolved.push({ line: entry.line, href, up: entry.up, related })
    else if (name === 'ReadingType') this.#types.set(href, texts)
    else if (name === 'LocalTimeParameters') this.#zones.set(href, zoneOfParameters(texts))
  }

  /** `seen`: which meter reading has each usage point's OBIS code. */
  #channelOf({ href, up, related }: Unresolved, seen: Map<string, string>): Channel | string {
    const usagePoint = [up, href, ...related].map((link) => this.#usagePoints.get(link)).find((each) => each !== undefined)
    if (usagePoint === undefined) return `it is of no UsagePoint of the file: none has its link ${shown(up)}`
    if (usagePoint.service !== ELECTRICITY)
      return `its usage point is of service kind ${shown(usagePoint.service)}, not electricity (0)`
    const meter = meterOf(usagePoint.id)
    if (meter === undefined) return `the id ${shown(usagePoint.id)} of its usage point is neither urn:uuid: nor a meter id`
    const texts = related.map((link) => this.#types.get(link)).find((each) => each !== undefined)
    if (texts === undefined) return 'it has no ReadingType in the file: none has one of its related links'
    const type = readReadingType(texts)
    if (typeof type === 'string') return type
    const key = `${meter} ${type.obis.toString('hex')}`
    const other = seen.get(key)
    // both would be summed
    if (other !== undefined) return `${shown(other)} has the same usage point and OBIS code: its energy would count twice`
    seen.set(key, href)
    return { ...type, meter, zone: this.#zoneOf(usagePoint) }
  }

  /** UTC where no zone is known. */
  #zoneOf({ related }: UsagePoint): string {
    const own = related.find((link) => this.#zones.has(link))
    const [only] = this.#zones.size === 1 ? this.#zones.values() : []
    return (own === undefined ? only : this.#zones.get(own)) ?? 'UTC'
  }
}

/** By what is below a resource, or beside it, it may be named. */
const ownLinks = (href: string, below: string) => (href === '' ? [] : [`${href}/${below}`, href])

/** A UUID is one in whatever case it is written. */
function meterOf(id: string): string | undefined {
  const uuid = /^urn:uuid:(.+)$/i.exec(id)?.[1]
  const meter = uuid?.toLowerCase() ?? id
  return isMeterId(meter) ? meter : undefined
}
