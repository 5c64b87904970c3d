import type { Kysely, Migration } from 'kysely'
import { createTable, createView, run } from './described.js'

/** What broke and what was done about it, as topic `repairs` tells it. */
export const repairs: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await events(db)
    await run(db, `COMMENT ON COLUMN ledger.cursors.source IS 'chain, registry, rejections, repairs or checkpoints'`)
    await run(db, `COMMENT ON COLUMN ledger.cursors.lane IS 'lane (chain, rejections, repairs), else 0'`)
    await eventView(db)
    await repairView(db)
  },
}

async function events(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.repair_events',
    'Repair events: they ask and tell, unsigned, and prove nothing',
    {
      lane: ['int2 NOT NULL', 'partition of topic repairs'],
      log_offset: ['int8 NOT NULL', 'offset in it'],
      id: ['text NOT NULL', 'names the repair; its events share it'],
      kind: ['text NOT NULL', 'resend, reseal, reproject, replay, restore, epoch or rebuild'],
      of_lane: ['int4 NOT NULL', 'lane that it is about; -1: none'],
      subject: ['text NOT NULL', 'what broke'],
      fault: ['text NOT NULL', 'how'],
      status: ['text NOT NULL', 'requested, completed or failed'],
      told_by: ['text NOT NULL', 'who tells'],
      at: ['timestamptz NOT NULL', 'when, by the clock of whoever tells'],
      took_millis: ['int8', 'what it took, milliseconds; null: not told'],
      first_sequence: ['int8', 'resend: first sequence that is asked for'],
      last_sequence: ['int8', 'resend: last sequence that is asked for'],
      detail: ['text NOT NULL', 'in words'],
    },
    ['PRIMARY KEY (lane, log_offset)'],
  )
  // hash: an id may be longer than a btree takes
  await run(db, 'CREATE INDEX repair_events_id ON store.repair_events USING hash (id)')
}

const REPAIR = {
  id: 'names the repair',
  kind: 'resend: a meter sends again; reseal: another block for the same readings; reproject: rows made again from the log; replay: a lost or old database filled from the logs; restore: records of a topic appended again; epoch: a partition of readings was lost; rebuild: a state made again',
  lane: 'lane that it is about; null: none',
  subject: 'what broke',
  fault: 'how',
}

const eventView = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.repair_events',
    'What was told of each repair, event by event',
    {
      ...REPAIR,
      status: 'requested, completed or failed',
      by: 'who tells',
      at: 'when, by the clock of whoever tells',
      took: 'what it took, as told; null: not told',
      first_sequence: 'resend: first sequence that is asked for',
      last_sequence: 'resend: last sequence that is asked for',
      detail: 'in words',
      log_partition: 'partition of topic repairs',
      log_offset: 'offset in it',
    },
    `SELECT id, kind, nullif(of_lane, -1), subject, fault, status, told_by, at, took_millis * interval '1 millisecond',
            first_sequence, last_sequence, detail, lane, log_offset
       FROM store.repair_events`,
  )

/** The newest by the time that is told: several authorities tell of one gap, and a slow one may ask for what has come already. */
const repairView = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.repairs',
    'What broke, and what was done: one row a repair, as its newest event has it; see repair_events',
    {
      ...REPAIR,
      status: 'requested: under way; completed; failed',
      by: 'who told last',
      requested_at: 'when it was first asked for; null: nobody asked',
      completed_at: 'when it was completed, or failed; null: under way',
      took: 'what it took, as told, else the time between; null: under way',
      detail: 'in words, as told last',
      events: 'number of events',
    },
    `SELECT id, kind, nullif(of_lane, -1), subject, fault, status, told_by, requested_at, completed_at,
            coalesce(took_millis * interval '1 millisecond', completed_at - requested_at), detail, events
       FROM (SELECT DISTINCT ON (id) *, CASE WHEN status <> 'requested' THEN at END AS completed_at,
                    min(at) FILTER (WHERE status = 'requested') OVER (PARTITION BY id) AS requested_at,
                    count(*) OVER (PARTITION BY id) AS events
               FROM store.repair_events
              ORDER BY id, at DESC, status = 'requested', lane, log_offset DESC) newest`,
  )
