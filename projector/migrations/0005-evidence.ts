import type { Kysely, Migration } from 'kysely'
import { createTable, createView, run } from './described.js'

/** What the lanes' logs hold against authorities, with the signed originals. */
export const evidence: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await pieces(db)
    await records(db)
    await pieceView(db)
    await recordView(db)
  },
}

const PLACE = {
  lane: ['int2 NOT NULL', 'lane'],
  height: ['int8 NOT NULL', 'height of the final block that it was found up to'],
  number: ['int4 NOT NULL', 'place among what was found up to that block, from 0'],
} as const

async function pieces(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.evidence',
    'Evidence against authorities: a function of the lane’s log; see schemas/SPEC.md, section 17',
    {
      ...PLACE,
      kind: ['text NOT NULL', 'void-block: sealed and rejected; contradiction: two accepts of one block that differ'],
      authority: ['text NOT NULL', 'who sealed the block, or voted twice'],
      of_height: ['int8 NOT NULL', 'height of the block that it is about'],
      block: ['bytea NOT NULL', 'hash of that block'],
      registry_size: ['int8 NOT NULL', 'registry size whose authorities decided on the block'],
      hash: ['bytea NOT NULL', 'names it: the Merkle root with its originals as entries'],
    },
    ['PRIMARY KEY (lane, height, number)'],
  )
  await run(db, 'CREATE INDEX evidence_hash ON store.evidence (hash)')
}

async function records(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.evidence_records',
    'The originals of evidence: records of chain as they were signed',
    {
      ...PLACE,
      original: ['int4 NOT NULL', 'place among the originals, from 0'],
      authority: ['text NOT NULL', 'who signed it'],
      fault: ['int4', 'why a vote rejects: see store.faults; null: it does not'],
      detail: ['text NOT NULL', 'what a vote says of that, in words'],
      log_offset: ['int8', 'offset in chain; null: it stands in the certificate of the block (ledger.votes)'],
      at: ['timestamptz', 'when the log took it; null: as log_offset'],
      record: ['bytea NOT NULL', 'the record in chain without the schema prefix'],
    },
    ['PRIMARY KEY (lane, height, number, original)'],
  )
  await run(db, 'ALTER TABLE store.evidence_records ALTER COLUMN record SET STORAGE EXTERNAL')
}

const pieceView = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.evidence',
    'What authorities signed that they should not have: the ground for a governance event, which people decide on',
    {
      evidence: 'hash that names it, hexadecimal; one that was found twice stands here twice',
      kind: 'void-block: it sealed a block that authorities of 1/3 of the weight or more rejected; contradiction: it accepted one block with two verdicts, which proves itself',
      authority: 'who sealed the block, or voted twice',
      lane: 'lane',
      height: 'height of the block that it is about',
      block: 'hash of that block, hexadecimal',
      faults: 'void-block: why it was rejected, short names',
      rejected_by: 'void-block: the authorities that rejected it',
      found_at: 'when the log took the newest of its originals',
      log_offsets: 'offsets of the originals in chain; null: in the certificate of the block',
      final_height: 'height of the final block that it was found up to',
      number: 'place among what was found up to that block, from 0',
    },
    `SELECT encode(e.hash, 'hex'), e.kind, e.authority, e.lane, e.of_height, encode(e.block, 'hex'), o.faults, o.rejected_by, o.at,
            o.log_offsets, e.height, e.number
       FROM store.evidence e
      CROSS JOIN LATERAL (
              SELECT array_agg(DISTINCT coalesce(f.name, 'code ' || r.fault)) FILTER (WHERE r.fault IS NOT NULL) AS faults,
                     array_agg(r.authority ORDER BY r.original) FILTER (WHERE r.fault IS NOT NULL) AS rejected_by,
                     max(r.at) AS at, array_agg(r.log_offset ORDER BY r.original) AS log_offsets
                FROM store.evidence_records r LEFT JOIN store.faults f ON f.code = r.fault
               WHERE r.lane = e.lane AND r.height = e.height AND r.number = e.number) o`,
  )

const recordView = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.evidence_records',
    'The signed originals of evidence',
    {
      evidence: 'hash that names the evidence, hexadecimal',
      original: 'place among its originals, from 0',
      authority: 'who signed it',
      fault: 'why a vote rejects, short name; null: it does not',
      detail: 'what a vote says of that, in words',
      log_offset: 'offset in chain; null: in the certificate of the block',
      at: 'when the log took it',
      record: 'the record of chain: a Block or SignedVote, Avro',
      registry_size: 'registry size whose authorities decided on the block',
      lane: 'lane',
      final_height: 'height of the final block that the evidence was found up to',
      number: 'place among what was found up to that block, from 0',
    },
    `SELECT encode(e.hash, 'hex'), r.original, r.authority, coalesce(f.name, 'code ' || r.fault), r.detail, r.log_offset, r.at, r.record,
            e.registry_size, e.lane, e.height, e.number
       FROM store.evidence e
       JOIN store.evidence_records r ON r.lane = e.lane AND r.height = e.height AND r.number = e.number
       LEFT JOIN store.faults f ON f.code = r.fault`,
  )
