/** Where evidence is listed from: the tables, or the topics themselves. Both give the same. */
import pg from 'pg'
import { fromHex, hex } from '../../../schemas/bytes.js'
import { PeakStore } from '../../../schemas/checkpoint/peaks.js'
import { type Evidence, type EvidenceKind, evidenceHash, type Original } from '../../../schemas/evidence.js'
import { faultOfCode } from '../../../schemas/faults.js'
import { decodeChainRecord } from '../../../schemas/records.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import { LaneEvidence } from '../../chain/lane-evidence.js'
import { type Finalized, LaneReader, laneRules } from '../../chain/lane-reader.js'
import { CheckpointLane } from '../../checkpoints/checkpoint-lane.js'
import { loadConfig } from '../../config.js'
import { readLog } from '../../kafka/log-reader.js'
import type { Runtime } from '../../stage-runtime.js'
import { databaseUrls } from '../../system/database-urls.js'

/** A row of analytics.evidence. */
export interface ListedEvidence {
  readonly evidence: string
  readonly topic: 'chain' | 'checkpoints'
  readonly kind: EvidenceKind
  readonly authority: string
  readonly lane: number
  /** split-view: size of both heads; `block`: root of the first. */
  readonly height: number
  readonly block: string
  /** By name, sorted. */
  readonly faults: readonly string[]
  readonly rejectedBy: readonly string[]
  readonly foundAt: Date
  /** null: in the certificate of the block. */
  readonly logOffsets: readonly (number | null)[]
  readonly finalHeight: number
  readonly number: number
}

export interface EvidenceSource {
  /** By lane, then in the order in which it was found. */
  list(): Promise<ListedEvidence[]>
  /** What is listed, with its originals. */
  find(listed: ListedEvidence): Promise<Evidence>
}

export const databaseSource: EvidenceSource = {
  list: () =>
    withAnalyst(async (client) => {
      const { rows } = await client.query<ListedEvidence>(
        `SELECT evidence, topic, kind, authority, lane, height::float8 AS height, block, coalesce(faults, '{}') AS faults,
                coalesce(rejected_by, '{}') AS "rejectedBy", found_at AS "foundAt", log_offsets::float8[] AS "logOffsets",
                final_height::float8 AS "finalHeight", number
           FROM analytics.evidence ORDER BY lane, final_height, number`,
      )
      return rows
    }),
  find: ({ kind, authority, lane, height, block, finalHeight, number }) =>
    withAnalyst(async (client) => {
      const { rows } = await client.query<OriginalRow>(
        `SELECT record, log_offset AS offset, round(extract(epoch FROM at) * 1000)::float8 AS at, registry_size::float8 AS size
           FROM analytics.evidence_records WHERE lane = $1 AND final_height = $2 AND number = $3 ORDER BY original`,
        [lane, finalHeight, number],
      )
      const registrySize = rows[0]?.size ?? 0
      const originals = rows.map(originalOf)
      return { kind, authority, lane, height: BigInt(height), block: fromHex(block), registrySize, originals }
    }),
}

interface OriginalRow {
  readonly record: Buffer
  readonly offset: string | null
  readonly at: number | null
  readonly size: number
}

function originalOf({ record, offset, at }: OriginalRow): Original {
  return { record, place: offset === null || at === null ? null : { offset: BigInt(offset), timestamp: at } }
}

async function withAnalyst<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrls(loadConfig()).analyst })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Folds every lane of `chain`, and topic `checkpoints`, from their starts. */
export function logSource(registry: RegistryState, { kafka, signatures, config }: Runtime): EvidenceSource {
  const { verify } = signatures
  const rules = laneRules(registry, verify)
  const { topicPrefix } = config
  async function* finals(): AsyncGenerator<[ListedEvidence['topic'], Finalized]> {
    for (let lane = 0; lane < registry.lanes; lane++) {
      const reader = new LaneReader(lane, rules, undefined, new LaneEvidence(lane, rules))
      for await (const record of readLog({ kafka, topicPrefix, topic: 'chain', partition: lane, from: 0n })) {
        const { finalized } = reader.take(record)
        if (finalized !== undefined) yield ['chain', finalized]
      }
    }
    const lane = new CheckpointLane({ registry, verify, witnesses: [] }, new PeakStore())
    for await (const record of readLog({ kafka, topicPrefix, topic: 'checkpoints', partition: 0, from: 0n })) {
      const { finalized } = lane.take(record)
      if (finalized === undefined) continue
      lane.settle(finalized)
      yield ['checkpoints', finalized]
    }
  }
  async function* all(): AsyncGenerator<[ListedEvidence, Evidence]> {
    for await (const [topic, finalized] of finals())
      for (const [number, each] of finalized.evidence.entries()) yield [listed(topic, finalized, number, each), each]
  }
  return {
    list: async () => {
      const rows: ListedEvidence[] = []
      for await (const [row] of all()) rows.push(row)
      return rows
    },
    find: async ({ lane, finalHeight, number }) => {
      for await (const [row, each] of all())
        if (row.lane === lane && row.finalHeight === finalHeight && row.number === number) return each
      throw new Error(`the log of lane ${lane} no longer holds what was found up to height ${finalHeight}`)
    },
  }
}

function listed(topic: ListedEvidence['topic'], finalized: Finalized, number: number, evidence: Evidence): ListedEvidence {
  const { kind, authority, lane, height, block, originals } = evidence
  const rejects = originals.flatMap(({ record }) => {
    const decoded = decodeChainRecord(record)
    return decoded?.kind === 'vote' && decoded.vote.judgement.kind === 'reject'
      ? [{ authority: decoded.vote.authority, fault: decoded.vote.judgement.fault }]
      : []
  })
  const places = originals.map(({ place }) => place)
  return {
    ...{
      evidence: hex(evidenceHash(originals.map(({ record }) => record))),
      topic,
      kind,
      authority,
      lane,
      height: Number(height),
    },
    ...{ block: hex(block), rejectedBy: rejects.map((each) => each.authority), number },
    finalHeight: Number(finalized.header.height),
    faults: [...new Set(rejects.map(({ fault }) => faultOfCode(fault)?.name ?? `code ${fault}`))].sort(),
    foundAt: new Date(topic === 'chain' ? Math.max(...places.map((place) => place?.timestamp ?? 0)) : finalized.timestamp),
    logOffsets: places.map((place) => (place === null ? null : Number(place.offset))),
  }
}
