import type { Finalized } from '../infra/chain/lane-reader.js'
import { BugError } from '../schemas/errors.js'
import { type Evidence, evidenceHash, type Original } from '../schemas/evidence.js'
import { decodeChainRecord, decodeCosignature } from '../schemas/records.js'
import type { CheckpointEvidenceRecordRow, CheckpointEvidenceRow } from './rows/checkpoint-tables.js'
import { storable } from './rows/storable.js'
import type { EvidenceRecordRow, EvidenceRow } from './rows/tables.js'

/** Rows of the evidence that was found up to a final block, since the one before. */
export function evidenceRows({ lane, header, evidence }: Finalized): {
  evidence: EvidenceRow[]
  evidenceRecords: EvidenceRecordRow[]
} {
  const { height } = header
  return {
    evidence: evidence.map((each, number) => evidenceRow(lane, height, number, each)),
    evidenceRecords: evidence.flatMap(({ originals }, number) =>
      originals.map((original, i) => [lane, height, number, i, ...originalColumns(original)] satisfies EvidenceRecordRow),
    ),
  }
}

/** The same of a checkpoint. When the log took the originals is not kept: the topic's records are, without their times. */
export function checkpointEvidenceRows(finalized: Finalized): {
  evidence: CheckpointEvidenceRow[]
  evidenceRecords: CheckpointEvidenceRecordRow[]
} {
  const { evidence, evidenceRecords } = evidenceRows(finalized)
  return {
    evidence: evidence.map(([, ...row]) => row),
    evidenceRecords: evidenceRecords.map(([, ...row]) => {
      const [height, number, original, authority, fault, detail, offset, , record] = row
      return [height, number, original, authority, fault, detail, offset, record]
    }),
  }
}

function evidenceRow(lane: number, height: bigint, number: number, evidence: Evidence): EvidenceRow {
  const { kind, authority, height: ofHeight, block, registrySize, originals } = evidence
  const hash = evidenceHash(originals.map(({ record }) => record))
  return [lane, height, number, kind, authority, ofHeight, block, registrySize, hash]
}

type OriginalColumns = EvidenceRecordRow extends [unknown, unknown, unknown, unknown, ...infer Rest] ? Rest : never

function originalColumns({ record, place }: Original): OriginalColumns {
  const [offset, at] = [place?.offset ?? null, place?.timestamp ?? null]
  const signed = decodeCosignature(record)
  if (signed !== undefined) return [signed.authority, null, '', offset, at, record]
  const decoded = decodeChainRecord(record)
  if (decoded === undefined) throw new BugError('an original of evidence is no record of chain or checkpoints')
  if (decoded.kind === 'block') return [decoded.header.proposer, null, '', offset, at, record]
  const { authority, judgement } = decoded.vote
  return judgement.kind === 'accept'
    ? [authority, null, '', offset, at, record]
    : [authority, judgement.fault, storable(judgement.detail), offset, at, record]
}
