/** Where the log of checkpoints can be taken up again, as text. */
import { z } from 'zod'
import { fromHex, hex } from '../../schemas/bytes.js'
import { CheckpointLog, type LaneTips } from '../../schemas/checkpoint/log.js'
import { type Peak, PeakStore } from '../../schemas/checkpoint/peaks.js'
import type { LanePosition } from '../chain/lane-reader.js'

export interface CheckpointPosition {
  readonly at: LanePosition
  readonly size: number
  readonly peaks: readonly Peak[]
  readonly tips: LaneTips
}

export const positionOf = (at: LanePosition, log: CheckpointLog, nodes: PeakStore): CheckpointPosition => ({
  at,
  size: log.size,
  peaks: nodes.peaks,
  tips: log.tips,
})

/** The log as it was at that place; undefined: before its first checkpoint. */
export function logAt(position: CheckpointPosition | undefined, lanes: number): { log: CheckpointLog; nodes: PeakStore } {
  const nodes = new PeakStore(position?.peaks)
  return { log: new CheckpointLog(nodes, lanes, position), nodes }
}

const hash = z.string().length(64)
const whole = z.int().min(0)
const written = z.strictObject({
  final: z.strictObject({
    height: z.string(),
    hash,
    verdictHash: hash,
    registrySize: whole,
    sourceEpoch: whole,
    lastOffset: z.string(),
  }),
  nextOffset: z.string(),
  size: whole,
  peaks: z.array(z.strictObject({ index: whole, hash })),
  tips: z.array(z.strictObject({ lane: whole, height: z.string(), block: hash, verdict: hash })),
})

export function encodeCheckpointPosition({ at, size, peaks, tips }: CheckpointPosition): string {
  const { final, nextOffset } = at
  const value: z.infer<typeof written> = {
    final: {
      ...final,
      height: String(final.height),
      lastOffset: String(final.lastOffset),
      hash: hex(final.hash),
      verdictHash: hex(final.verdictHash),
    },
    nextOffset: String(nextOffset),
    size,
    peaks: peaks.map((peak) => ({ index: peak.index, hash: hex(peak.hash) })),
    tips: [...tips.values()].map(({ lane, height, block, verdict }) => ({
      ...{ lane, height: String(height), block: hex(block), verdict: hex(verdict) },
    })),
  }
  return JSON.stringify(value)
}

/** Throws where the text is not what `encodeCheckpointPosition` gave. */
export function decodeCheckpointPosition(text: string): CheckpointPosition {
  const { final, nextOffset, size, peaks, tips } = written.parse(JSON.parse(text))
  return {
    at: {
      final: {
        ...final,
        height: BigInt(final.height),
        lastOffset: BigInt(final.lastOffset),
        hash: fromHex(final.hash),
        verdictHash: fromHex(final.verdictHash),
      },
      nextOffset: BigInt(nextOffset),
    },
    size,
    peaks: peaks.map((peak) => ({ index: peak.index, hash: fromHex(peak.hash) })),
    tips: new Map(
      tips.map((tip) => [
        tip.lane,
        { lane: tip.lane, height: BigInt(tip.height), block: fromHex(tip.block), verdict: fromHex(tip.verdict) },
      ]),
    ),
  }
}
