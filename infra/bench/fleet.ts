/** Simulated households whose messages are signed beforehand and kept in memory, so that signing is no part of what is measured. */

import type { Message } from '../../ingest/meter/meter-store.js'
import { type ChainEnd, readingSigner, signReading } from '../../ingest/meter/sign-reading.js'
import { MEDIA_TYPES } from '../../ingest/parse.js'
import { messages, simulatedPoint } from '../../ingest/simulate/messages.js'
import { sha256, ZERO_HASH } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { type EnrolledMeter, joinEntries } from '../../schemas/records.js'
import { type KeyPair, newKeyPair, sign } from '../crypto/sodium.js'

/** A request, ready to go. */
export interface LoadRequest {
  readonly contentType: string
  readonly body: Buffer
  readonly readings: number
  /** Leaf hashes of those of its readings whose way is followed. */
  readonly sampled: readonly Buffer[]
}

/** What one connection sends, one request after the other: each household keeps to one, so its messages stay in order. */
export type Queue = readonly LoadRequest[]

interface Household {
  readonly id: string
  readonly keys: KeyPair
  end: ChainEnd
}

const BEGIN = Date.UTC(2025, 0, 1) / 1000
const YEARS = 20
/** Quarter-hours in a message. */
export const INTERVALS = 4
/** Of a batch's readings every so many is followed. */
const SAMPLE = 25

export class Fleet {
  readonly #households: readonly Household[]
  readonly #messages: Generator<Message>
  readonly #signer: ReturnType<typeof readingSigner>
  #next = 0

  /** `run` makes the ids new: meters that no run before has used. */
  constructor(chainId: Buffer, run: string, households: number) {
    this.#signer = readingSigner(chainId, sign)
    this.#messages = messages({ seed: 1, households, from: BEGIN, hours: YEARS * 365 * 24 })
    this.#households = Array.from({ length: households }, (_, index) => {
      const id = `bench-${run}-${String(index + 1).padStart(6, '0')}`
      return { id, keys: newKeyPair(sha256(Buffer.from(`meterchain bench ${id}`))), end: { sequence: 0, hash: ZERO_HASH } }
    })
  }

  enrolments(): EnrolledMeter[] {
    return this.#households.map(({ id, keys }, index) => ({
      meter: id,
      key: keys.publicKey,
      signer: 'device' as const,
      usagePoint: simulatedPoint(index + 1),
    }))
  }

  /** The next messages, all households of an hour and then the next hour, as requests of `batch` readings, spread over connections. */
  queues(count: number, batch: number, connections: number, onSigned: (done: number) => void = () => undefined): Queue[] {
    const entries: Buffer[][] = Array.from({ length: Math.min(connections, this.#households.length) }, () => [])
    for (let done = 0; done < count; done++) {
      const index = this.#next % this.#households.length
      entries[Math.floor((index * entries.length) / this.#households.length)]?.push(this.#sign(index))
      if (done % 1000 === 999) onSigned(done + 1)
    }
    return entries.map((each) => requestsOf(each, batch))
  }

  #sign(index: number): Buffer {
    const household = this.#households[index]
    const message = this.#messages.next().value as Message | undefined
    if (household === undefined || message === undefined) throw new RangeError(`no message for household ${index + 1}`)
    this.#next++
    const signer = { id: household.id, secretKey: household.keys.secretKey }
    const signed = signReading(this.#signer, signer, household.end, message.content)
    household.end = signed.end
    return signed.entry
  }
}

function requestsOf(entries: readonly Buffer[], batch: number): LoadRequest[] {
  return Array.from({ length: Math.ceil(entries.length / batch) }, (_, index) => {
    const mine = entries.slice(index * batch, (index + 1) * batch)
    const [only] = mine
    return {
      contentType: batch === 1 ? MEDIA_TYPES.reading : MEDIA_TYPES.readings,
      body: batch === 1 && only !== undefined ? only : joinEntries(mine),
      readings: mine.length,
      sampled: mine.filter((_entry, at) => at % SAMPLE === 0).map(leafHash),
    }
  })
}
