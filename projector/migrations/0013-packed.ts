import type { Kysely, Migration } from 'kysely'
import { intervalRevisions } from './0003-analytics.js'
import { dayViews } from './0008-days.js'
import { peaks } from './0009-consumption.js'
import { exceptions } from './0010-exceptions.js'
import { qualityViews } from './0010-quality.js'
import { lines, linesAsOf } from './0012-bills.js'
import { PACKED, PACKED_FOR_BILLS, REVISIONS } from './0013-sources.js'
import { createTable, run } from './described.js'

/** Intervals packed, a row for what a message says of one channel and day, in place of a row for each. What is packed is decided by the
 *  message alone, so every projector and every replay come to the same rows; a correction is a message of its own. */
export const packed: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await profiles(db)
    await packRows(db)
    await indexes(db)
    await dayViews(db, PACKED)
    await peaks(db, PACKED)
    await qualityViews(db, PACKED)
    await exceptions(db, PACKED)
    await intervalRevisions(db, REVISIONS.source, REVISIONS.isSuperseded)
    await lines(db, PACKED_FOR_BILLS)
    await linesAsOf(db, PACKED_FOR_BILLS)
    await run(db, 'DROP TABLE store.intervals')
  },
}

/** 96 quarter-hours of a message: 5.3 bytes an interval, and 0.3 for the index by meter and time (make bench-storage). The widest
 *  columns first, for PostgreSQL aligns; arrays need none. Null, not empty, where there is nothing: an empty array takes 13 bytes. */
const profiles = (db: Kysely<unknown>) =>
  createTable(
    db,
    'store.profiles',
    'Interval data of messages that count, a row for what a message says of one channel and day; corrections stand beside what they correct',
    {
      height: ['int8 NOT NULL', 'height of the block that it came in'],
      sequence: ['int8 NOT NULL', 'sequence of the message: of one interval’s revisions that of the highest holds'],
      channel: ['int8 NOT NULL', 'what the values are: see store.channels'],
      start: ['timestamptz NOT NULL', 'start of the first interval; the others follow without gaps and begin within 25 hours'],
      meter: ['int4 NOT NULL', 'number of the meter'],
      step: ['int4 NOT NULL', 'length of each interval, seconds'],
      lane: ['int2 NOT NULL', 'lane of the block'],
      entry: ['int2 NOT NULL', 'entry of the block, from 0'],
      narrow: ['int4[]', 'raw integers, where each has room in 32 bits: value * 10^scaler unit'],
      wide: ['int8[]', 'the same where one has not; one of the two is null'],
      quality: ['int2[]', 'ESPI quality of each: 0 valid, 7 edited, 8 to 11 estimated, …; null: all are valid'],
    },
    ['CONSTRAINT profiles_one CHECK (num_nonnulls(narrow, wide) = 1)'],
  )

async function indexes(db: Kysely<unknown>): Promise<void> {
  await run(
    db,
    'CREATE INDEX profiles_origin ON store.profiles USING brin (lane, height) WITH (pages_per_range = 32, autosummarize = on)',
  )
  await run(db, 'CREATE INDEX profiles_meter ON store.profiles (meter, start)')
}

const MESSAGE = 'lane, height, entry, meter, sequence, channel, step'
const IS_NARROW = 'value BETWEEN -2147483648 AND 2147483647'

/** Rows that are there, as the projector would have written them: runs of one message, channel and step, by days. Where a message says
 *  the same moment twice the audit finds other rows than the log demands, and makes them again. */
async function packRows(db: Kysely<unknown>): Promise<void> {
  await run(
    db,
    `INSERT INTO store.profiles (height, sequence, channel, start, meter, step, lane, entry, narrow, wide, quality)
     SELECT height, sequence, channel, min(start), meter, step, lane, entry,
            CASE WHEN bool_and(${IS_NARROW}) THEN array_agg(CASE WHEN ${IS_NARROW} THEN value::int4 END ORDER BY start) END,
            CASE WHEN NOT bool_and(${IS_NARROW}) THEN array_agg(value ORDER BY start) END,
            CASE WHEN max(quality) > 0 THEN array_agg(quality ORDER BY start) END
       FROM (SELECT *, least(place / per_day, (greatest(length - reach, 0) + per_day - 1) / per_day) AS part
               FROM (SELECT *, (86400 + step - 1) / step AS per_day, (90000 + step - 1) / step AS reach,
                            row_number() OVER (PARTITION BY ${MESSAGE}, run ORDER BY start) - 1 AS place,
                            count(*) OVER (PARTITION BY ${MESSAGE}, run) AS length
                       FROM (SELECT *, start - row_number() OVER (PARTITION BY ${MESSAGE} ORDER BY start) * make_interval(secs => step) AS run
                               FROM store.intervals) runs) places) parts
      GROUP BY ${MESSAGE}, run, part`,
  )
}
