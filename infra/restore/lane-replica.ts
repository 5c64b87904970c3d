/** One lane as a replica holds it: of `chain` block by block, of `checkpoints` as records that are folded first. */
import { checkpointLane } from '../../schemas/checkpoint/log.js'
import type { FinalBlock, LaneRules } from '../../schemas/lane-fold.js'
import { type Cosignature, decodeCosignature, stripPrefix } from '../../schemas/records.js'
import { LaneReader } from '../chain/lane-reader.js'
import { logAt } from '../checkpoints/checkpoint-position.js'
import type { Replica, ReplicaBlock } from './replica.js'

export interface LaneReplica {
  readonly topic: 'chain' | 'checkpoints'
  readonly lane: number
  /** Where the lane stands in the topic. */
  readonly partition: number
  /** Newest block. */
  readonly top: FinalBlock
  /** Of checkpoints: the leaves that they cover. */
  readonly size: number
  /** Above a height, in their order. */
  blocks(above?: bigint): AsyncGenerator<ReplicaBlock>
}

export const chainLane = (replica: Replica, lane: number, top: FinalBlock): LaneReplica => ({
  ...{ topic: 'chain', lane, partition: lane, top, size: 0 },
  blocks: (above = 0n) => replica.blocks(lane, above),
})

/** Heads in whose time a signature must come to count for whoever serves it. */
export const SIGNED_HEADS = 1_000

/** What its records make final. What in them is no record of the lane, or of a head of it, nobody needs. */
export async function checkpointReplica(replica: Replica, rules: LaneRules, lanes: number): Promise<LaneReplica> {
  const lane = checkpointLane(lanes)
  const fold = () => foldCheckpoints(replica, new LaneReader(lane, rules, undefined), lanes)
  let top = new LaneReader(lane, rules, undefined).state.final
  let size = 0
  for await (const each of fold()) {
    top = each.final
    size = each.size
  }
  return {
    ...{ topic: 'checkpoints', lane, partition: 0, top, size },
    blocks: async function* (above = 0n) {
      for await (const { block } of fold()) if (block.height > above) yield block
    },
  }
}

interface Folded {
  readonly block: ReplicaBlock
  readonly final: FinalBlock
  readonly size: number
}

async function* foldCheckpoints(replica: Replica, reader: LaneReader, lanes: number): AsyncGenerator<Folded> {
  const { log } = logAt(undefined, lanes)
  const heads = new Map<number, Buffer>()
  let last: (Folded & { readonly signatures: Buffer[] }) | undefined
  for await (const { value } of replica.checkpoints()) {
    const cosignature = decodeCosignature(value)
    const { finalized } = reader.take({ offset: reader.nextOffset, timestamp: 0, value })
    if (cosignature !== undefined && isOfHead(cosignature, heads)) last?.signatures.push(stripPrefix(value))
    if (finalized === undefined) continue
    if (last !== undefined) yield last
    const { head } = log.take(finalized.block.entries)
    keepHead(heads, head.size, head.root)
    const { height } = finalized.header
    const votes = finalized.votes.map(({ bytes }) => bytes)
    const signatures: Buffer[] = []
    const { hash, verdictHash, blockBytes: record } = finalized
    last = {
      block: { height, hash, verdictHash, record, votes, signatures },
      final: reader.state.final,
      size: log.size,
      signatures,
    }
  }
  if (last !== undefined) yield last
}

const isOfHead = ({ size, root }: Cosignature, heads: ReadonlyMap<number, Buffer>): boolean =>
  heads.get(size)?.equals(root) === true

function keepHead(heads: Map<number, Buffer>, size: number, root: Buffer): void {
  heads.set(size, root)
  const [oldest] = heads.keys()
  if (heads.size > SIGNED_HEADS && oldest !== undefined) heads.delete(oldest)
}
