// Topic `checkpoints` of authorities under test: what a reader from its start makes of it.
import { CheckpointLog, checkpointLane } from '../../schemas/checkpoint/log.js'
import type { TreeHead } from '../../schemas/checkpoint/note.js'
import { blockHash } from '../../schemas/lane-fold.js'
import { leafHash, MemoryNodeStore, merkleRoot } from '../../schemas/merkle.js'
import {
  type CheckpointLeaf,
  type Cosignature,
  decodeCosignature,
  encodeCheckpointLeaf,
  encodeHeader,
  type Header,
} from '../../schemas/records.js'
import { type Finalized, LaneReader, laneRules } from '../chain/lane-reader.js'
import { sealBlock } from '../chain/sign-records.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { readLog } from '../kafka/log-reader.js'
import type { Authorities } from './authorities.js'
import { testAuthorityKey } from './registry.js'

export interface ReadCheckpoints {
  readonly reader: LaneReader
  readonly log: CheckpointLog
  readonly nodes: MemoryNodeStore
  readonly finals: { readonly finalized: Finalized; readonly head: TreeHead }[]
  readonly leaves: CheckpointLeaf[]
  readonly cosignatures: Cosignature[]
  readonly outcomes: string[]
}

export async function readCheckpoints(all: Authorities): Promise<ReadCheckpoints> {
  const { state } = all.ledger
  const nodes = new MemoryNodeStore()
  const reader = new LaneReader(checkpointLane(state.lanes), laneRules(state, sodiumSignatures.verify), undefined)
  const read: ReadCheckpoints = {
    ...{ reader, nodes, log: new CheckpointLog(nodes, state.lanes) },
    ...{ finals: [], leaves: [], cosignatures: [], outcomes: [] },
  }
  const part = { topicPrefix: all.config.topicPrefix, topic: 'checkpoints', partition: 0, from: 0n } as const
  for await (const record of readLog({ kafka: all.kafka, ...part })) {
    const { outcome, finalized } = reader.take(record)
    const cosignature = decodeCosignature(record.value)
    if (cosignature !== undefined) read.cosignatures.push(cosignature)
    else read.outcomes.push(outcome.kind === 'skipped' ? outcome.reason : outcome.kind)
    if (finalized === undefined) continue
    const { head, leaves } = read.log.take(finalized.block.entries)
    read.finals.push({ finalized, head })
    read.leaves.push(...leaves)
  }
  return read
}

/** Seals a checkpoint of these leaves as `authority`, whether they are right or not, and appends it. */
export async function sealCheckpoint(all: Authorities, authority: number, leaves: readonly CheckpointLeaf[]): Promise<Buffer> {
  const { state, chainId } = all.ledger
  const { reader } = await readCheckpoints(all)
  const { final } = reader.state
  const entries = leaves.map(encodeCheckpointLeaf)
  const key = testAuthorityKey(`authority-${authority}`)
  const header: Header = {
    ...{ lane: reader.lane, height: final.height + 1n, previous: final.hash, root: merkleRoot(entries.map(leafHash)) },
    ...{ count: entries.length, sourceEpoch: 0, firstOffset: final.lastOffset + 1n },
    ...{ lastOffset: final.lastOffset + BigInt(entries.length), registrySize: state.size, registryRoot: state.root },
    ...{ sealedAt: Date.now(), proposer: key.id, attempt: 0 },
  }
  await all.append('checkpoints', 0, sealBlock(chainId, header, entries, key))
  return blockHash(encodeHeader(header))
}
