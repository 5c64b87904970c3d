/** A sender's side of the door. What passes by itself (no connection, 429, 5xx) is tried again, with Retry-After honoured and for a
 *  bounded time: a reading that came into the log twice counts once, so sending again is always safe. */
import { setTimeout as pause } from 'node:timers/promises'
import { errors, Pool } from 'undici'
import type { z } from 'zod'
import { TransientError } from '../../schemas/errors.js'
import { joinEntries } from '../../schemas/records.js'
import { HEADS, type Head, PROBLEM, RECEIPTS, type Refusal } from './door-answers.js'

export interface DoorClientOptions {
  /** Base URL, such as http://127.0.0.1:18080. */
  readonly url: string
  /** Connections, each with one request at a time. */
  readonly connections?: number
  /** How long the door may be away or busy before a request is given up, ms. */
  readonly retryMillis?: number
  /** How long one answer may take, ms. */
  readonly answerMillis?: number
  /** First wait after a failure, doubled each time up to 2 s, ms. */
  readonly backoffMillis?: number
}

export interface SendAnswer {
  /** Acknowledged by the log. */
  readonly accepted: number
  readonly refusals: readonly Refusal[]
}

/** The door said something that no second try will change. */
export class DoorError extends Error {
  override readonly name = 'DoorError'
}

interface Answer {
  readonly failure?: never
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: unknown
}

/** No answer: why, for a person. */
interface NoAnswer {
  readonly failure: string
}

const READING = 'application/vnd.meterchain.reading'
const READINGS = 'application/vnd.meterchain.readings'
const MAX_BACKOFF_MILLIS = 2_000
/** 500 too: a door that failed at a request is asked again after a pause, as others are. */
const RETRIED = [429, 500, 502, 503, 504]

export class DoorClient {
  readonly #pool: Pool
  readonly #prefix: string
  readonly #retryMillis: number
  readonly #backoffMillis: number

  constructor({ url, connections = 8, retryMillis = 120_000, answerMillis = 30_000, backoffMillis = 50 }: DoorClientOptions) {
    const { origin, pathname } = new URL(url)
    this.#prefix = pathname.replace(/\/$/, '')
    this.#pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: answerMillis, bodyTimeout: answerMillis })
    this.#retryMillis = retryMillis
    this.#backoffMillis = backoffMillis
  }

  /** Sends 1 to 1,000 entries in one request and returns when the log has them. A request that is too large is cut in two.
   *  Throws TransientError where the door stays away or busy for too long, DoorError where it is no door. */
  async send(entries: readonly Buffer[]): Promise<SendAnswer> {
    const [only] = entries
    const isOne = entries.length === 1 && only !== undefined
    const answer = await this.#request('/v1/readings', isOne ? READING : READINGS, isOne ? only : joinEntries(entries))
    if (answer.status === 202) return decoded(RECEIPTS, answer)
    if (answer.status === 413 && entries.length > 1) return this.#sendHalves(entries)
    const { fault, detail, refusals } = decoded(PROBLEM, answer)
    return { accepted: 0, refusals: refusals ?? entries.map((_entry, index) => ({ index, fault, detail })) }
  }

  /** How far these meters (up to 10,000) count. Errors as in `send`. */
  async heads(meters: readonly string[]): Promise<{ heads: Head[]; unknown: string[] }> {
    const answer = await this.#request('/v1/heads', 'application/json', JSON.stringify({ meters }))
    if (answer.status !== 200) throw refused('/v1/heads', answer)
    return decoded(HEADS, answer)
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  async #sendHalves(entries: readonly Buffer[]): Promise<SendAnswer> {
    const middle = Math.ceil(entries.length / 2)
    const first = await this.send(entries.slice(0, middle))
    const second = await this.send(entries.slice(middle))
    const moved = second.refusals.map((refusal) => ({ ...refusal, index: refusal.index + middle }))
    return { accepted: first.accepted + second.accepted, refusals: [...first.refusals, ...moved] }
  }

  async #request(path: string, contentType: string, body: Buffer | string): Promise<Answer> {
    const deadline = Date.now() + this.#retryMillis
    for (let backoff = this.#backoffMillis; ; backoff = Math.min(2 * backoff, MAX_BACKOFF_MILLIS)) {
      const answer = await this.#try(path, contentType, body)
      const isAnswer = answer.failure === undefined
      if (isAnswer && !RETRIED.includes(answer.status)) return answer
      const wait = isAnswer ? (retryAfterMillis(answer.retryAfter) ?? backoff) : backoff
      if (Date.now() + wait > deadline) throw givenUp(path, this.#retryMillis, answer)
      await pause(wait)
    }
  }

  /** The answer, or the error of a connection: that is not fatal, the door may be starting. */
  async #try(path: string, contentType: string, body: Buffer | string): Promise<Answer | NoAnswer> {
    try {
      const response = await this.#pool.request({
        path: `${this.#prefix}${path}`,
        method: 'POST',
        headers: { 'content-type': contentType },
        body,
      })
      const retryAfter = response.headers['retry-after']
      const text = await response.body.text()
      return {
        status: response.statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
        body: jsonOf(text),
      }
    } catch (error) {
      if (isConnectionError(error)) return { failure: error.message }
      throw error
    }
  }
}

/** Milliseconds of a Retry-After header: seconds or a date (RFC 9110 section 10.2.3); undefined where it is neither. */
export function retryAfterMillis(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** Not what we did wrong (a client that was closed, an argument), but what the network did: those errors have a code. Their class
 *  says nothing, for it may be another realm's `Error`. */
function isConnectionError(error: unknown): error is { message: string } {
  if (error instanceof errors.ClientClosedError || error instanceof errors.ClientDestroyedError) return false
  if (error instanceof errors.InvalidArgumentError) return false
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error
}

/** The text itself where it is not JSON: a proxy's page. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function decoded<T>(schema: z.ZodType<T>, answer: Answer): T {
  const parsed = schema.safeParse(answer.body)
  if (!parsed.success) throw refused('/v1/readings', answer)
  return parsed.data
}

function refused(path: string, { status, body }: Answer): DoorError {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return new DoorError(`POST ${path} answered ${status}, which is no answer of a door: ${text.slice(0, 200)}`)
}

function givenUp(path: string, retryMillis: number, last: Answer | NoAnswer): TransientError {
  const why = last.failure ?? `status ${last.status}`
  return new TransientError(`the door did not take POST ${path} for ${retryMillis} ms (${why}): see its log, then run this again`)
}
