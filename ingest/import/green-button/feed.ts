/** An Atom feed of ESPI resources (NAESB REQ.21, Green Button), entry by entry. Of a block of intervals each reading is handed on as it
 *  ends; all else of an entry when the entry ends. */
import { MalformedFile } from '../malformed-file.js'
import type { XmlHandler, XmlName } from './read-xml.js'

export interface Link {
  readonly rel: string
  readonly href: string
}
/** An element of ESPI and the texts in it, by the path of their names: `interval/start`. */
export interface Resource {
  readonly name: string
  readonly line: number
  readonly texts: ReadonlyMap<string, string>
}
export interface Entry {
  readonly line: number
  /** Atom's id: of ESPI it lasts as long as the resource. */
  readonly id: string
  readonly links: readonly Link[]
  /** But the blocks of intervals. */
  readonly resources: readonly Resource[]
}

export interface FeedHandler {
  /** When the feed was made, as it is written. */
  updated(text: string): void
  /** `texts`: of the reading, and of its block so far. `links`: of the entry so far. */
  reading(reading: Resource, block: BlockSoFar, links: readonly Link[]): void
  entry(entry: Entry): void
}
export interface BlockSoFar extends Resource {
  /** Of the readings of this block: from 0. */
  readonly index: number
}

const ATOM = 'http://www.w3.org/2005/Atom'
const ESPI = 'http://naesb.org/espi'
/** More would only fill the memory. */
const MOST_LINKS = 256
const MOST_RESOURCES = 64
const MOST_TEXTS = 256

interface OpenEntry {
  line: number
  id: string
  links: Link[]
  resources: Resource[]
}
interface OpenResource {
  name: string
  line: number
  texts: Map<string, string>
  index: number
}

export class FeedReader implements XmlHandler {
  readonly #path: string[] = []
  #entry: OpenEntry | undefined
  #resource: OpenResource | undefined
  #reading: OpenResource | undefined

  constructor(private readonly handler: FeedHandler) {}

  open({ uri, local }: XmlName, attribute: (name: string) => string, line: number): void {
    const parent = this.#path.at(-1)
    const name = uri === ATOM || uri === ESPI ? local : `{${uri}}${local}`
    if (parent === undefined && !(uri === ATOM && (local === 'feed' || local === 'entry')))
      throw new MalformedFile(
        line,
        'its root is no Atom feed: a Green Button file is one, in namespace http://www.w3.org/2005/Atom',
      )
    this.#path.push(name)
    if (name === 'entry' && uri === ATOM) this.#entry = { line, id: '', links: [], resources: [] }
    else if (name === 'link' && parent === 'entry') this.#link({ rel: attribute('rel'), href: attribute('href') }, line)
    else if (uri === ESPI && parent === 'content') this.#resource = { name, line, texts: new Map(), index: 0 }
    else if (name === 'IntervalReading' && parent === 'IntervalBlock' && this.#resource !== undefined)
      this.#reading = { name, line, texts: new Map(), index: 0 }
  }

  close({ uri }: XmlName, text: string, line: number): void {
    const name = this.#path.pop() ?? ''
    const parent = this.#path.at(-1)
    if (name === 'updated' && parent === 'feed') this.handler.updated(text)
    else if (name === 'id' && parent === 'entry' && this.#entry !== undefined) this.#entry.id = text
    else if (name === 'entry' && uri === ATOM) this.#closeEntry()
    else if (this.#resource !== undefined) this.#closeInResource(name, parent, text, line)
  }

  #link(link: Link, line: number): void {
    if (this.#entry === undefined) return
    this.#entry.links.push(link)
    if (this.#entry.links.length > MOST_LINKS) throw new MalformedFile(line, `an entry has more than ${MOST_LINKS} links`)
  }

  #closeInResource(name: string, parent: string | undefined, text: string, line: number): void {
    const resource = this.#resource
    if (resource === undefined) return
    if (parent === 'content') this.#closeResource(resource, line)
    else if (name === 'IntervalReading' && this.#reading !== undefined) {
      this.handler.reading(this.#reading, resource, this.#entry?.links ?? [])
      resource.index++
      this.#reading = undefined
    } else this.#text(this.#reading ?? resource, name, text, line)
  }

  /** Of several with one path all are kept, with a space between: a reading may have several qualities. */
  #text(of: OpenResource, name: string, text: string, line: number): void {
    if (text === '') return
    const path = [...this.#path.slice(this.#path.lastIndexOf(of.name) + 1), name].join('/')
    const before = of.texts.get(path)
    if (before === undefined) of.texts.set(path, text)
    else if (before.length <= MOST_TEXTS) of.texts.set(path, `${before} ${text}`)
    if (of.texts.size > MOST_TEXTS) throw new MalformedFile(line, `a ${of.name} has more than ${MOST_TEXTS} elements`)
  }

  #closeResource(resource: OpenResource, line: number): void {
    this.#resource = undefined
    if (resource.name === 'IntervalBlock' || this.#entry === undefined) return
    this.#entry.resources.push(resource)
    if (this.#entry.resources.length > MOST_RESOURCES)
      throw new MalformedFile(line, `an entry has more than ${MOST_RESOURCES} resources`)
  }

  #closeEntry(): void {
    const entry = this.#entry
    this.#entry = undefined
    if (entry !== undefined) this.handler.entry(entry)
  }
}
