import type { Kysely, Migration } from 'kysely'
import { completeness, dayViews } from './0008-days.js'
import { peaks, topConsumers } from './0009-consumption.js'
import { exceptions } from './0010-exceptions.js'
import { MONTHS, PEAKS, TOTALLED, ZERO_DAYS } from './0020-sources.js'
import { addColumn, run } from './described.js'

/** Packed rows with their sum, so that energy of days and months is a look at the rows, not at the values in them; and peaks of a feeder
 *  without those of all others. The same views, with the same answers (make bench-questions). */
export const totals: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await addTotals(db)
    await dayViews(db, TOTALLED)
    await peaks(db, TOTALLED, PEAKS)
    await topConsumers(db, MONTHS)
    await exceptions(db, TOTALLED, ZERO_DAYS)
    await divisible(db)
  },
}

/** A point that ends in the first half second of a day has 0 seconds to be expected of that day. */
async function divisible(db: Kysely<unknown>): Promise<void> {
  await completeness(db, 'nullif(sum(expected_seconds), 0)')
  await run(
    db,
    `COMMENT ON COLUMN analytics.completeness.completeness IS 'covered ÷ expected time of all; null: not a second is to be expected'`,
  )
}

/** In 32 bits it takes the place that PostgreSQL leaves unused at the end of most rows. Rows that are there get theirs while the table is
 *  written once anew: an UPDATE would leave each of them behind a second time. */
async function addTotals(db: Kysely<unknown>): Promise<void> {
  await run(
    db,
    `CREATE FUNCTION store.total_of(narrow int4[]) RETURNS int4 IMMUTABLE
     RETURN (SELECT CASE WHEN sum(value) BETWEEN -2147483648 AND 2147483647 THEN sum(value)::int4 END FROM unnest(narrow) value)`,
  )
  await addColumn(
    db,
    'store.profiles',
    'total',
    'int4 GENERATED ALWAYS AS (store.total_of(narrow)) STORED',
    'sum of narrow, where that has room in 32 bits: what the row adds to a day that it is all of',
  )
  await run(db, 'ALTER TABLE store.profiles ALTER COLUMN total DROP EXPRESSION')
  await run(db, 'DROP FUNCTION store.total_of')
}
