/** XML, event by event, in bounded memory. Nothing outside the file is ever read: a document type, where entities would be declared, is
 *  refused as such, and no entity but the five of XML itself is known. */
import sax from 'sax'
import { MalformedFile } from '../malformed-file.js'
import { unpacked } from '../unpacked.js'

export interface XmlHandler {
  /** `uri`: the namespace, whatever its prefix; `attribute`: by a name without prefix. */
  open(element: XmlName, attribute: (name: string) => string, line: number): void
  /** `text`: what stands in the element itself. */
  close(element: XmlName, text: string, line: number): void
}
export interface XmlName {
  readonly uri: string
  readonly local: string
}

/** Deeper than any feed: those behind the limits would only fill the memory. */
const MOST_DEPTH = 64
/** No text that we read is longer; what is longer is cut, and then is no number and no id. */
const MOST_TEXT = 1_024
/** Characters of one tag: the parser bounds each attribute, and not how many there are, and its time grows with their square. */
const MOST_UNCLOSED = 128 * 1024

/** Reads a file to its end. Gives control back after each part of it, so that what the handler gathered can be taken from it. Throws
 *  MalformedFile where it is not well-formed XML in UTF-8. */
export async function* readXml(path: string, handler: XmlHandler): AsyncGenerator<void> {
  const parser = new Parser(handler)
  const parts = decoded(path)
  for (;;) {
    const part = await parts.next().catch((error: unknown) => {
      throw new MalformedFile(parser.line, `the file cannot be read further: ${reasonOf(error)}`)
    })
    if (part.done === true) break
    parser.write(part.value)
    yield
  }
  parser.close()
  yield
}

async function* decoded(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch (cause) {
      throw new Error('it is not UTF-8: convert it', { cause })
    }
  }
  for await (const chunk of await unpacked(path)) yield decode(chunk)
  yield decode()
}

/** Of a message of the parser the first line: the others are its own line, from 0, and column. */
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''

/** `strictEntities`: those of HTML are none of XML. */
const OPTIONS = { xmlns: true, strictEntities: true }

class Parser {
  readonly #sax = sax.parser(true, OPTIONS)
  readonly #open: { readonly name: XmlName; text: string }[] = []
  #written = 0
  #lastEvent = 0

  constructor(handler: XmlHandler) {
    const refuse = (reason: string) => {
      throw new MalformedFile(this.line, reason)
    }
    this.#sax.onerror = (error) => {
      throw error
    }
    this.#sax.ondoctype = () => refuse('it has a DOCTYPE, which is refused: remove it, and what it declares')
    this.#sax.onsgmldeclaration = () => refuse('it has a declaration such as <!ELEMENT>, which is refused: remove it')
    this.#sax.onopentag = (tag) => {
      this.#lastEvent = this.#written
      if (!('uri' in tag)) return
      const { uri, local, attributes } = tag
      this.#open.push({ name: { uri, local }, text: '' })
      if (this.#open.length > MOST_DEPTH) refuse(`elements stand in each other more than ${MOST_DEPTH} deep`)
      handler.open({ uri, local }, (name) => attributes[name]?.value ?? '', this.line)
    }
    this.#sax.ontext = this.#sax.oncdata = (part) => {
      this.#lastEvent = this.#written
      const element = this.#open.at(-1)
      if (element !== undefined && element.text.length <= MOST_TEXT) element.text += part.slice(0, MOST_TEXT + 1)
    }
    this.#sax.oncomment = () => {
      this.#lastEvent = this.#written
    }
    this.#sax.onclosetag = () => {
      this.#lastEvent = this.#written
      const element = this.#open.pop()
      if (element !== undefined) handler.close(element.name, element.text.trim(), this.line)
    }
  }

  /** From 1. */
  get line(): number {
    return this.#sax.line + 1
  }

  write(text: string): void {
    this.#written += text.length
    this.#guard(() => this.#sax.write(text))
    if (this.#written - this.#lastEvent > MOST_UNCLOSED)
      throw new MalformedFile(this.line, `a tag is longer than ${MOST_UNCLOSED} characters`)
  }

  close(): void {
    this.#guard(() => this.#sax.close())
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      throw error instanceof MalformedFile ? error : new MalformedFile(this.line, `it is not well-formed XML: ${reasonOf(error)}`)
    }
  }
}
