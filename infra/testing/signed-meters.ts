// Meters with keys from seeds, and readings that they sign and link, for tests of whatever takes readings in.
import { VERSION } from '../../schemas/avsc.js'
import { ZERO_HASH } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { encodeReading, type Reading } from '../../schemas/records.js'
import { signedMessage, TAGS } from '../../schemas/tags.js'
import { type KeyPair, sign } from '../crypto/sodium.js'
import { testKeyPair } from './registry.js'

export class SignedMeter {
  readonly keys: KeyPair
  sequence = 0
  previous = ZERO_HASH

  constructor(
    readonly id: string,
    private readonly chainId: Buffer,
  ) {
    this.keys = testKeyPair(id)
  }

  /** The next entry of this meter’s chain: an hour of quarter-hours. */
  next(changes: Partial<Reading> = {}): Buffer {
    this.sequence++
    const entry = this.sign({ ...hourOf(this.id, this.sequence, this.previous), ...changes })
    this.previous = leafHash(entry)
    return entry
  }

  sign(reading: Reading): Buffer {
    const bytes = encodeReading(reading)
    return Buffer.concat([bytes, sign(signedMessage(TAGS.reading, this.chainId, bytes), this.keys.secretKey)])
  }
}

const START = 1_700_000_000

export function hourOf(meter: string, sequence: number, previous: Buffer): Reading {
  const start = START + sequence * 3600
  return {
    version: VERSION.reading,
    meter,
    sequence,
    previous,
    sentAt: (start + 3600) * 1000,
    profiles: [
      {
        obis: Buffer.from([1, 0, 1, 8, 0, 255]),
        unit: 30,
        scaler: 0,
        start,
        step: 900,
        values: [120, 95, 300, 210].map((value) => value + (sequence % 7)),
        quality: [],
      },
    ],
    registers: [],
    revises: null,
  }
}
