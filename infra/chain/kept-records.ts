/** The newest final blocks of each lane with their certificates, as they stood in the log. Of what a log loses at its end, nobody else may
 *  have taken the last blocks yet: whoever made them final can append them again. */
import type { Database, RootDatabase } from 'lmdb'
import type { Block } from '../../schemas/records.js'
import { CHECKSUM_BYTES, CorruptStateError, checksumOf, stored } from './checked-store.js'
import type { Finalized } from './lane-reader.js'

export interface KeptRecord {
  /** Without the prefix. */
  readonly block: Buffer
  readonly votes: readonly Buffer[]
}

/** Of a lane: what is older every reader of the log has taken, or it can be had from a replica. */
export const KEPT_BLOCKS = 32
const LENGTH_BYTES = 4

type Place = [lane: number, height: number]

export class KeptRecords {
  private readonly records: Database<Buffer, Place>

  constructor(root: RootDatabase) {
    this.records = root.openDB<Buffer, Place>({ name: 'records', encoding: 'binary' })
  }

  /** Within the transaction that commits the lane's position. */
  keep({ lane, header, blockBytes, votes }: Pick<Finalized, 'lane' | 'header' | 'blockBytes' | 'votes'>): void {
    const height = Number(header.height)
    const bytes = joined([blockBytes, ...votes.map((vote) => vote.bytes)])
    this.records.put([lane, height], Buffer.concat([bytes, checksumOf(keyOf(lane, height), bytes)]))
    this.records.remove([lane, height - KEPT_BLOCKS])
  }

  /** `most` at most, in the order of their heights. Throws CorruptStateError. */
  newest(lane: number, most = KEPT_BLOCKS): KeptRecord[] {
    const range = { start: [lane + 1] as unknown as Place, end: [lane] as unknown as Place, reverse: true, limit: most }
    const found = stored(() => [...this.records.getRange(range)]).reverse()
    return found.map(({ key, value }) => decode(lane, key[1], Buffer.from(value)))
  }

  /** Whether that is the block that became final, and it is kept still. Throws CorruptStateError. */
  has(lane: number, { header, headerBytes }: Pick<Block, 'header' | 'headerBytes'>): boolean {
    const height = Number(header.height)
    const value = stored(() => this.records.get([lane, height]))
    return (
      value !== undefined && decode(lane, height, Buffer.from(value)).block.subarray(0, headerBytes.length).equals(headerBytes)
    )
  }

  /** Those above a height, in their order; none where the next one is not kept any more. Throws CorruptStateError. */
  above(lane: number, height: bigint): KeptRecord[] {
    const first = Number(height) + 1
    const found = stored(() => [...this.records.getRange({ start: [lane, first], end: [lane + 1] as unknown as Place })])
    return found[0]?.key[1] === first ? found.map(({ key, value }) => decode(lane, key[1], Buffer.from(value))) : []
  }
}

const keyOf = (lane: number, height: number) => `records ${lane} ${height}`

/** Each after its length (4, big-endian). */
function joined(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32BE(part.length)
      return [length, part]
    }),
  )
}

function decode(lane: number, height: number, value: Buffer): KeptRecord {
  const end = value.length - CHECKSUM_BYTES
  const bytes = value.subarray(0, Math.max(0, end))
  if (end <= 0 || !checksumOf(keyOf(lane, height), bytes).equals(value.subarray(end)))
    throw new CorruptStateError(`the kept records of block ${height} of lane ${lane} fail their checksum`)
  const parts: Buffer[] = []
  for (let at = 0; at < end; ) {
    const from = at + LENGTH_BYTES
    at = from + bytes.readUInt32BE(at)
    parts.push(bytes.subarray(from, at))
  }
  const [block = Buffer.alloc(0), ...votes] = parts
  return { block, votes }
}
