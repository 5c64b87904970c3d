import type { Kysely, Migration } from 'kysely'
import { createTable, createView, run } from './described.js'

/** The log of checkpoints, its heads and their signatures. The topic is read again from its start: what is in the tables of it was
 *  written without these. */
export const checkpoints: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await heads(db)
    await leaves(db)
    await nodes(db)
    await signatures(db)
    await run(db, `UPDATE ledger.cursors SET height = 0, next_offset = 0 WHERE source = 'checkpoints'`)
    await view(db)
  },
}

async function heads(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'store.checkpoints', 'Checkpoints that are final: heads of one log over the final blocks of all lanes', {
    height: ['int8 PRIMARY KEY', 'place in the lane of checkpoints, from 1'],
    size: ['int8 NOT NULL', 'leaves of the log up to here'],
    root: ['bytea NOT NULL', 'RFC 6962 root over them'],
    hash: ['bytea NOT NULL', 'hash of its block'],
    verdict_hash: ['bytea NOT NULL', 'verdict hash of its block'],
    registry_size: ['int8 NOT NULL', 'registry events under which it was sealed: whose authorities sign it'],
    total_weight: ['int8 NOT NULL', 'weight of all authorities then; more than 2/3 of it must sign'],
    proposer: ['text NOT NULL', 'authority that sealed it'],
    sealed_at: ['timestamptz NOT NULL', 'by the clock of its proposer'],
    final_at: ['timestamptz NOT NULL', 'when the log took the vote that made it final'],
    block_offset: ['int8 NOT NULL', 'offset in checkpoints of its block'],
    final_offset: ['int8 NOT NULL', 'offset in checkpoints of the vote that made it final'],
  })
  await run(db, 'CREATE INDEX checkpoints_size ON store.checkpoints (size)')
}

async function leaves(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'store.checkpoint_leaves', 'Final blocks that checkpoints cover', {
    place: ['int8 PRIMARY KEY', 'place in the log of checkpoints, from 0'],
    lane: ['int2 NOT NULL', 'lane of the block'],
    height: ['int8 NOT NULL', 'its height'],
    block_hash: ['bytea NOT NULL', 'its hash as the checkpoint says; another in ledger.blocks: somebody shows two views'],
    verdict_hash: ['bytea NOT NULL', 'its verdict hash as the checkpoint says'],
  })
  await run(db, 'CREATE INDEX checkpoint_leaves_block ON store.checkpoint_leaves (lane, height)')
}

const nodes = (db: Kysely<unknown>) =>
  createTable(
    db,
    'store.checkpoint_nodes',
    'Perfect subtrees of the log of checkpoints: what proofs are made of',
    {
      level: ['int2 NOT NULL', 'it covers 2^level leaves; 0: a leaf'],
      node_index: ['int8 NOT NULL', 'place among those of its level, from 0'],
      hash: ['bytea NOT NULL', 'RFC 6962 hash'],
    },
    ['PRIMARY KEY (level, node_index)'],
  )

async function signatures(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'store.checkpoint_signatures', 'Signatures of checkpoints that hold, the first of each signer', {
    log_offset: ['int8 PRIMARY KEY', 'offset in checkpoints'],
    size: ['int8 NOT NULL', 'size of the checkpoint'],
    kind: ['int2 NOT NULL', '1: of an authority; 4: of a witness, over the time too'],
    name: ['text NOT NULL', 'the authority’s id, or the witness’s name'],
    key: ['bytea NOT NULL', 'Ed25519 public key under which it holds'],
    seen_seconds: ['int8 NOT NULL', 'witness: when it saw the checkpoint, seconds since 1970; authority: 0'],
    signature: ['bytea NOT NULL', 'Ed25519'],
    weight: ['int8 NOT NULL', 'the authority’s weight; witness: 0'],
  })
  await run(db, 'CREATE INDEX checkpoint_signatures_size ON store.checkpoint_signatures (size)')
}

const view = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.checkpoints',
    'Checkpoints: what covers the ledger up to when, and who vouches for it',
    {
      size: 'final blocks that it covers',
      height: 'place among the checkpoints, from 1',
      root: 'RFC 6962 root over them, hexadecimal',
      blocks: 'blocks that it covers and the one before does not',
      proposer: 'authority that sealed it',
      sealed_at: 'by the clock of its proposer',
      final_at: 'when it became final',
      registry_size: 'registry events under which it was sealed',
      signed_weight: 'weight of the authorities that signed it',
      total_weight: 'weight of all',
      is_signed: 'whether more than 2/3 of the weight signed it',
      signers: 'authorities that signed it',
      witnesses: 'witnesses that cosigned it, of those that this database was told to trust',
      witnessed_at: 'when a witness last saw it, by that witness’s clock; null: none did',
    },
    `SELECT size, height, encode(root, 'hex'), size - coalesce(lag(size) OVER (ORDER BY height), 0), proposer, sealed_at, final_at,
            registry_size, signed, total_weight, 3::numeric * signed > 2::numeric * total_weight, signers, witnesses, witnessed_at
       FROM store.checkpoints c
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(weight), 0)::int8 AS signed,
               coalesce(array_agg(name ORDER BY name COLLATE "C") FILTER (WHERE kind = 1), '{}') AS signers,
               coalesce(array_agg(name ORDER BY name COLLATE "C") FILTER (WHERE kind = 4), '{}') AS witnesses,
               to_timestamp(max(seen_seconds) FILTER (WHERE kind = 4)) AS witnessed_at
          FROM store.checkpoint_signatures s WHERE s.size = c.size) vouched`,
  )
