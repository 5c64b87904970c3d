import type { Migration } from 'kysely'
import { run } from './described.js'

/** Whose reading of a log is the newer one: two audits that read it before and after it was restored demand other offsets and times. */
export const readSince: Migration = {
  up: async (db) => {
    // a default that does not change needs no new table
    await run(db, 'ALTER TABLE ledger.cursors ADD COLUMN read_since timestamptz NOT NULL DEFAULT now()')
    await run(db, 'ALTER TABLE ledger.cursors ALTER COLUMN read_since SET DEFAULT clock_timestamp()')
    await run(
      db,
      `COMMENT ON COLUMN ledger.cursors.read_since IS 'since when the log was read by which its rows were last healed, or when they were last begun anew: an audit that began to read before that heals nothing here'`,
    )
  },
}
