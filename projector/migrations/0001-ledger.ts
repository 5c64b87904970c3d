import type { Kysely, Migration } from 'kysely'
import { createSchema, createTable, run } from './described.js'

/** The replica: the logs' own bytes, and how far each log is in the tables. Rows here are few (one for each block), so they may
 *  have keys. */
export const ledger: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createSchema(db, 'ledger', 'The raw records of chain, registry and checkpoints, and how far each is in the tables')
    await chains(db)
    await cursors(db)
    await blocks(db)
    await votes(db)
    await registryEvents(db)
    await checkpointRecords(db)
  },
}

const chains = (db: Kysely<unknown>) =>
  createTable(db, 'ledger.chains', 'The chain that this database holds: one row', {
    chain_id: ['bytea PRIMARY KEY', 'hash of the genesis; signed everywhere'],
    network: ['text NOT NULL', 'name that the genesis gives the network'],
    lanes: ['int4 NOT NULL', 'number of lanes, fixed by the genesis'],
    genesis: ['bytea NOT NULL', 'the genesis event as it stands in the log, without the schema prefix'],
  })

const cursors = (db: Kysely<unknown>) =>
  createTable(
    db,
    'ledger.cursors',
    'How far each log is in the tables; moved in the transaction that writes the rows, so each record takes effect once',
    {
      source: ['text NOT NULL', 'chain, registry, rejections or checkpoints'],
      lane: ['int2 NOT NULL', 'lane (chain, rejections), else 0'],
      height: ['int8 NOT NULL', 'chain: height of the newest block; registry: events; others: records taken'],
      block_hash: ['bytea NOT NULL', 'chain: hash of that block; others: empty'],
      verdict_hash: ['bytea NOT NULL', 'chain: verdict hash of that block; others: empty'],
      registry_size: ['int8 NOT NULL', 'chain: registry size that the block names; registry: its size'],
      source_epoch: ['int4 NOT NULL', 'chain: epoch of readings that the block covers; others: 0'],
      last_offset: ['int8 NOT NULL', 'chain: last offset of readings that is covered; others: -1'],
      next_offset: ['int8 NOT NULL', 'where to go on in the topic: a hint, for topics may be made again'],
    },
    ['PRIMARY KEY (source, lane)'],
  )

async function blocks(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'ledger.blocks',
    'Final blocks, with their bytes',
    {
      lane: ['int2 NOT NULL', 'lane'],
      height: ['int8 NOT NULL', 'place in the lane, from 1'],
      hash: ['bytea NOT NULL', 'SHA-256 of the tagged header'],
      previous: ['bytea NOT NULL', 'hash of the block before'],
      root: ['bytea NOT NULL', 'RFC 6962 root of the entries'],
      verdict_hash: ['bytea NOT NULL', 'what the validators agreed on, this block and all before'],
      count: ['int4 NOT NULL', 'number of entries'],
      counted: ['int4 NOT NULL', 'number of entries that count'],
      registry_size: ['int8 NOT NULL', 'registry events under which the entries were judged'],
      source_epoch: ['int4 NOT NULL', 'epoch of readings that it covers'],
      first_offset: ['int8 NOT NULL', 'first offset of readings that it covers'],
      last_offset: ['int8 NOT NULL', 'last offset of readings that it covers'],
      sealed_at: ['timestamptz NOT NULL', 'by the clock of its proposer'],
      final_at: ['timestamptz NOT NULL', 'when the log took the vote that made it final'],
      proposer: ['text NOT NULL', 'authority that sealed it'],
      attempt: ['int4 NOT NULL', 'attempt at this height, from 0'],
      log_offset: ['int8 NOT NULL', 'offset in chain of its record'],
      record: ['bytea NOT NULL', 'its record in chain without the schema prefix: header, seal, entries'],
    },
    ['PRIMARY KEY (lane, height)'],
  )
  // signatures and hashes do not compress: storing them as they are saves the attempt
  await run(db, 'ALTER TABLE ledger.blocks ALTER COLUMN record SET STORAGE EXTERNAL')
  await run(db, 'CREATE INDEX blocks_hash ON ledger.blocks (hash)')
}

const votes = (db: Kysely<unknown>) =>
  createTable(
    db,
    'ledger.votes',
    'The accepts that made each block final',
    {
      lane: ['int2 NOT NULL', 'lane'],
      height: ['int8 NOT NULL', 'height of the block'],
      authority: ['text NOT NULL', 'who voted'],
      record: ['bytea NOT NULL', 'the signed vote in chain, without the schema prefix'],
    },
    ['PRIMARY KEY (lane, height, authority)'],
  )

async function registryEvents(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'ledger.registry_events', 'Registry events that count', {
    event_index: ['int8 PRIMARY KEY', 'place among the events that count, from 0: the leaf of the registry tree'],
    kind: ['text NOT NULL', 'what it says, as SPEC.md names it'],
    leaf: ['bytea NOT NULL', 'leaf hash of its body'],
    record: ['bytea NOT NULL', 'its record in registry without the schema prefix'],
  })
  await run(db, 'ALTER TABLE ledger.registry_events ALTER COLUMN record SET STORAGE EXTERNAL')
}

const checkpointRecords = (db: Kysely<unknown>) =>
  createTable(db, 'ledger.checkpoint_records', 'Records of checkpoints as they came', {
    log_offset: ['int8 PRIMARY KEY', 'offset in checkpoints'],
    record: ['bytea NOT NULL', 'the record’s whole value'],
  })
