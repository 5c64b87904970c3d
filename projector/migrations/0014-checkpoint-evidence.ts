import type { Kysely, Migration } from 'kysely'
import { createTable, replaceView, run } from './described.js'

/** What topic checkpoints holds against authorities, beside what chain does. Where the topic has been read before, the audit finds that
 *  rows are missing, and makes them. */
export const checkpointEvidence: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await pieces(db)
    await records(db)
    await pieceView(db)
    await recordView(db)
  },
}

const PLACE = {
  height: ['int8 NOT NULL', 'height of the checkpoint that it was found up to'],
  number: ['int4 NOT NULL', 'place among what was found up to that checkpoint, from 0'],
} as const

async function pieces(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.checkpoint_evidence',
    'Evidence against authorities that topic checkpoints holds; see schemas/SPEC.md, section 17',
    {
      ...PLACE,
      kind: ['text NOT NULL', 'as in store.evidence; split-view: signatures of two heads of one size'],
      authority: ['text NOT NULL', 'who sealed the block, voted or signed twice'],
      of_height: ['int8 NOT NULL', 'height of the block that it is about; split-view: size of both heads'],
      block: ['bytea NOT NULL', 'hash of that block; split-view: root of the first head'],
      registry_size: ['int8 NOT NULL', 'registry size whose authorities decided on the block, or sign heads'],
      hash: ['bytea NOT NULL', 'names it: the Merkle root with its originals as entries'],
    },
    ['PRIMARY KEY (height, number)'],
  )
  await run(db, 'CREATE INDEX checkpoint_evidence_hash ON store.checkpoint_evidence (hash)')
}

async function records(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.checkpoint_evidence_records',
    'The originals of evidence that topic checkpoints holds, as they were signed',
    {
      ...PLACE,
      original: ['int4 NOT NULL', 'place among the originals, from 0'],
      authority: ['text NOT NULL', 'who signed it'],
      fault: ['int4', 'why a vote rejects: see store.faults; null: it does not'],
      detail: ['text NOT NULL', 'what a vote says of that, in words'],
      log_offset: ['int8', 'offset in checkpoints; null: it stands in the certificate of the block'],
      record: ['bytea NOT NULL', 'the record in checkpoints without the schema prefix'],
    },
    ['PRIMARY KEY (height, number, original)'],
  )
  await run(db, 'ALTER TABLE store.checkpoint_evidence_records ALTER COLUMN record SET STORAGE EXTERNAL')
}

const NUMBER_OF_LANES = '(SELECT max(lanes)::int2 FROM ledger.chains)'

const pieceView = (db: Kysely<unknown>) =>
  replaceView(
    db,
    'analytics.evidence',
    'What authorities signed that they should not have: the ground for a governance event, which people decide on',
    `SELECT encode(e.hash, 'hex') AS evidence, e.kind, e.authority, e.lane, e.of_height AS height, encode(e.block, 'hex') AS block,
            o.faults, o.rejected_by, o.at AS found_at, o.log_offsets, e.height AS final_height, e.number, 'chain' AS topic
       FROM store.evidence e
      CROSS JOIN LATERAL (
              SELECT array_agg(DISTINCT coalesce(f.name, 'code ' || r.fault)) FILTER (WHERE r.fault IS NOT NULL) AS faults,
                     array_agg(r.authority ORDER BY r.original) FILTER (WHERE r.fault IS NOT NULL) AS rejected_by,
                     max(r.at) AS at, array_agg(r.log_offset ORDER BY r.original) AS log_offsets
                FROM store.evidence_records r LEFT JOIN store.faults f ON f.code = r.fault
               WHERE r.lane = e.lane AND r.height = e.height AND r.number = e.number) o
     UNION ALL
     SELECT encode(e.hash, 'hex'), e.kind, e.authority, ${NUMBER_OF_LANES}, e.of_height, encode(e.block, 'hex'), o.faults,
            o.rejected_by, c.final_at, o.log_offsets, e.height, e.number, 'checkpoints'
       FROM store.checkpoint_evidence e
       LEFT JOIN store.checkpoints c ON c.height = e.height
      CROSS JOIN LATERAL (
              SELECT array_agg(DISTINCT coalesce(f.name, 'code ' || r.fault)) FILTER (WHERE r.fault IS NOT NULL) AS faults,
                     array_agg(r.authority ORDER BY r.original) FILTER (WHERE r.fault IS NOT NULL) AS rejected_by,
                     array_agg(r.log_offset ORDER BY r.original) AS log_offsets
                FROM store.checkpoint_evidence_records r LEFT JOIN store.faults f ON f.code = r.fault
               WHERE r.height = e.height AND r.number = e.number) o`,
    {
      kind: 'void-block: it sealed a block that authorities of 1/3 of the weight or more rejected; contradiction: it accepted one block with two verdicts; split-view: it signed two heads of one size of the log of checkpoints. The last two prove themselves',
      authority: 'who sealed the block, voted or signed twice',
      lane: 'lane; in topic checkpoints the number of lanes',
      height: 'height of the block that it is about; split-view: size of both heads',
      block: 'hash of that block, split-view: root of the first head; hexadecimal',
      found_at: 'when the log took the newest of its originals; in topic checkpoints: when that checkpoint was final',
      log_offsets: 'offsets of the originals in that topic; null: in the certificate of the block',
      final_height: 'height of the final block, or checkpoint, that it was found up to',
      topic: 'where its originals stand: chain or checkpoints',
    },
  )

const recordView = (db: Kysely<unknown>) =>
  replaceView(
    db,
    'analytics.evidence_records',
    'The signed originals of evidence',
    `SELECT encode(e.hash, 'hex') AS evidence, r.original, r.authority, coalesce(f.name, 'code ' || r.fault) AS fault, r.detail,
            r.log_offset, r.at, r.record, e.registry_size, e.lane, e.height AS final_height, e.number, 'chain' AS topic
       FROM store.evidence e
       JOIN store.evidence_records r ON r.lane = e.lane AND r.height = e.height AND r.number = e.number
       LEFT JOIN store.faults f ON f.code = r.fault
     UNION ALL
     SELECT encode(e.hash, 'hex'), r.original, r.authority, coalesce(f.name, 'code ' || r.fault), r.detail, r.log_offset,
            NULL, r.record, e.registry_size, ${NUMBER_OF_LANES}, e.height, e.number, 'checkpoints'
       FROM store.checkpoint_evidence e
       JOIN store.checkpoint_evidence_records r ON r.height = e.height AND r.number = e.number
       LEFT JOIN store.faults f ON f.code = r.fault`,
    {
      log_offset: 'offset in that topic; null: in the certificate of the block',
      at: 'when the log took it; null: in the certificate of the block, or in topic checkpoints, of which that is not kept',
      record: 'the record of that topic: a Block, SignedVote or Cosignature, Avro',
      registry_size: 'registry size whose authorities decided on the block, or sign heads',
      lane: 'lane; in topic checkpoints the number of lanes',
      final_height: 'height of the final block, or checkpoint, that the evidence was found up to',
      topic: 'where it stands: chain or checkpoints',
    },
  )
