// A door over real HTTP without a log behind it: takes readings, judges their sequence and link, answers heads, and fails as it is told.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ZERO_HASH } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { advance, applyReset, type MeterState, NEW_METER, type Reset } from '../../schemas/meter-chain.js'
import { decodeSignedReading, splitEntries } from '../../schemas/records.js'

export type Answer =
  | { status: number; headers?: Record<string, string>; body: unknown }
  | 'reset' /* the connection breaks before anything is taken */
  | 'take-and-reset' /* it breaks after all was taken */
  | 'lose' /* acknowledged, and never seen again */

export class SmallDoor {
  readonly states = new Map<string, MeterState>()
  readonly faults = new Map<string, string>()
  /** Meters that `heads` does not know. */
  readonly unknown = new Set<string>()
  /** Resets of the registry, by meter. */
  readonly resets = new Map<string, Reset>()
  /** Each request's readings, as (meter, sequence). */
  readonly requests: { meter: string; sequence: number }[][] = []
  headRequests = 0
  /** What to do with the next request of readings; nothing: take it. */
  disturb: (entries: Buffer[]) => Answer | undefined = () => undefined
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async open(): Promise<SmallDoor> {
    const door = new SmallDoor()
    await new Promise<void>((resolve) => door.#server.listen(0, '127.0.0.1', resolve))
    return door
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  state(meter: string): MeterState {
    return applyReset(this.#before(meter), this.resets.get(meter))
  }

  #before(meter: string): MeterState {
    return this.states.get(meter) ?? NEW_METER
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    if (request.url?.endsWith('/v1/heads')) {
      this.headRequests++
      return reply(response, 200, this.#heads(JSON.parse(body.toString()).meters))
    }
    const isOne = request.headers['content-type'] === 'application/vnd.meterchain.reading'
    const entries = isOne ? [body] : splitEntries(body)
    const answer = this.disturb(entries)
    if (answer === 'reset') return void request.socket.destroy()
    if (typeof answer === 'object') return reply(response, answer.status, answer.body, answer.headers)
    const taken = answer === 'lose' ? { accepted: entries.length, refusals: [] } : this.#take(entries)
    if (answer === 'take-and-reset') return void request.socket.destroy()
    if (taken.accepted > 0) return reply(response, 202, { ...taken, refused: taken.refusals.length, receipts: [], resend: [] })
    const [first] = taken.refusals
    reply(response, 422, { type: 'about:blank', title: '', status: 422, ...first, refusals: taken.refusals })
  }

  #take(entries: Buffer[]) {
    const refusals: { index: number; fault: string; detail: string }[] = []
    const request: { meter: string; sequence: number }[] = []
    for (const [index, entry] of entries.entries()) {
      const signed = decodeSignedReading(entry)
      const { meter = '', sequence = 0, previous = ZERO_HASH } = signed?.reading ?? {}
      const told = this.faults.get(`${meter} ${sequence}`) ?? this.faults.get(meter)
      const fault = signed === undefined ? 'malformed' : told
      if (fault !== undefined) refusals.push({ index, fault, detail: 'as told' })
      if (fault !== undefined) continue
      request.push({ meter, sequence })
      const step = advance(this.state(meter), sequence, previous, leafHash(entry))
      if (step.ok) this.states.set(meter, step.state)
    }
    this.requests.push(request)
    return { accepted: entries.length - refusals.length, refusals }
  }

  #heads(meters: string[]) {
    const known = meters.filter((meter) => !this.unknown.has(meter))
    const heads = known.map((meter) => {
      const [before, state, reset] = [this.#before(meter), this.state(meter), this.resets.get(meter)]
      const isPending = reset !== undefined && reset.since > before.reset && reset.sequence > before.sequence
      const place = { sequence: reset?.sequence, previous: reset?.previous.toString('hex'), before: placeOf(before) }
      return { meter, lane: 0, ...placeOf(state), resend: [], reset: isPending ? place : null }
    })
    return { heads, unknown: meters.filter((meter) => this.unknown.has(meter)) }
  }
}

const placeOf = ({ sequence, hash, gaps }: MeterState) => ({
  sequence,
  hash: hash.toString('hex'),
  gaps: gaps.map(({ from, to }) => ({ from, to })),
})

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
