import type { Migration } from 'kysely'
import { run } from './described.js'

/** Whose reading of a log is the newer one: two audits that read it before and after it was restored demand other offsets and times. */
export const readSince: Migration = {
  up: async (db) => {
    await run(db, 'ALTER TABLE ledger.cursors ADD COLUMN read_since timestamptz NOT NULL DEFAULT clock_timestamp()')
    await run(
      db,
      `COMMENT ON COLUMN ledger.cursors.read_since IS 'when the reading of the log began by which its rows were made or last healed: an audit that read the log from an earlier time on heals nothing here'`,
    )
  },
}
