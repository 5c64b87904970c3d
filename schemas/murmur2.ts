// A meter's lane is the partition that Kafka's default partitioner gives to its id, so that other tools agree.
import { asBuffer } from './bytes.js'
import { asLane, type Lane } from './ids.js'

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Kafka's 32-bit MurmurHash2, signed (org.apache.kafka.common.utils.Utils.murmur2). */
export function murmur2(bytes: Uint8Array): number {
  const buffer = asBuffer(bytes)
  const whole = buffer.length - (buffer.length % 4)
  let h = SEED ^ buffer.length
  for (let at = 0; at < whole; at += 4) {
    const k = Math.imul(buffer.readInt32LE(at), M)
    h = Math.imul(h, M) ^ Math.imul(k ^ (k >>> 24), M)
  }
  if (whole < buffer.length) h = Math.imul(h ^ buffer.readUIntLE(whole, buffer.length - whole), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** The lane of a meter: toPositive(murmur2(id)) modulo the number of lanes. */
export function laneOf(meterId: string, lanes: number): Lane {
  if (!Number.isInteger(lanes) || lanes < 1) throw new RangeError(`not a number of lanes: ${lanes}`)
  return asLane((murmur2(Buffer.from(meterId, 'utf8')) & 0x7fffffff) % lanes)
}
