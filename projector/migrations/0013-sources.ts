/** What the views are made from since 0013: intervals that are kept packed, a row for what a message says of one channel and day.
 *
 *  Look-ups are by row, and each row is unpacked once. Whether another row of the meter and channel overlaps it is told by one look over
 *  the rows: where none does its intervals are the newest, and only the others are held against each other, interval by interval. */
import type { Kept } from './0008-sources.js'
import { cut, FROM, type KeptForBills, TO } from './0012-bill-lines.js'

/** All intervals of a row begin in less than this, counted from the first: so where they may be is known without reading them. */
const REACH = `interval '25 hours'`

export const count = (row: string) => `coalesce(cardinality(${row}.narrow), cardinality(${row}.wide))`
export const lastStart = (row: string) => `${row}.start + make_interval(secs => ${row}.step * (${count(row)} - 1))`
export const end = (row: string) => `${row}.start + make_interval(secs => ${row}.step * ${count(row)})`
export const valueAt = (row: string, place: string) => `coalesce(${row}.narrow[${place}], ${row}.wide[${place}])`
export const qualityAt = (row: string, place: string) => `coalesce(${row}.quality[${place}], 0::int2)`

/** `val`: the values of a row `prof`, numbered from 1. Unpacked so, 35 million take 2.1 s of CPU; by two functions side by side 3.4 s. */
export const VALUES = 'unnest(coalesce(prof.wide, prof.narrow::int8[])) WITH ORDINALITY val(value, n)'

/** Columns of an interval, from `prof` and `val`. */
export const COLUMNS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['lane', 'height', 'entry', 'meter', 'sequence', 'channel', 'step'].map((name) => [name, `prof.${name}`]),
  ),
  start: 'prof.start + make_interval(secs => prof.step * (val.n - 1))',
  value: 'val.value',
  quality: qualityAt('prof', 'val.n'),
}
export const START = COLUMNS.start
export const select = (names: readonly string[]) => names.map((name) => `${COLUMNS[name]} AS ${name}`).join(', ')
const ALL = ['lane', 'height', 'entry', 'meter', 'sequence', 'channel', 'start', 'step', 'value', 'quality']

/** Intervals as rows, one each, in the columns of INTERVALS. */
export const UNPACKED = `SELECT ${select(ALL)} FROM store.profiles prof CROSS JOIN LATERAL ${VALUES}`

/** Rows `prof` of a meter that may have intervals that begin in a time. */
export const reaching = (meter: string, from: string, to: string) =>
  `prof.meter = ${meter} AND prof.start > ${from} - ${REACH} AND prof.start < ${to}`

/** Intervals of a meter in a time, all revisions, with the place of their row. */
const unpacked = (meter: string, from: string, to: string) => `
  (SELECT ${select(ALL)}, prof.ctid AS place
     FROM store.profiles prof CROSS JOIN LATERAL ${VALUES}
    WHERE ${reaching(meter, from, to)} AND ${START} >= ${from} AND ${START} < ${to})`

/** `prof`: those rows, each with whether another of its channel overlaps it. */
const rowsOf = (meter: string, from: string, to: string, more = '', join = '') => `(
  SELECT *, coalesce(max(last_start) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= start
                     OR lead(start) OVER w <= last_start, false) AS is_doubled
    FROM (SELECT prof.*, prof.ctid AS place, ${lastStart('prof')} AS last_start${more} FROM store.profiles prof ${join}
           WHERE ${reaching(meter, from, to)}) prof
  WINDOW w AS (PARTITION BY channel >> 16 ORDER BY start)) prof`

/** Whether an interval has a newer one: of rows with one meter, OBIS code and start the highest holds, as in 0003. `i` gives its
 *  columns. */
export const hasNewer = (i: (name: string) => string, where = '') => {
  const at = `(extract(epoch FROM ${i('start')} - n.start)::int8 / n.step + 1)`
  return `EXISTS (
    SELECT FROM store.profiles n
     WHERE n.meter = ${i('meter')} AND n.start <= ${i('start')} AND n.start > ${i('start')} - ${REACH} ${where}
       AND n.channel >> 16 = ${i('channel')} >> 16 AND ${lastStart('n')} >= ${i('start')}
       AND extract(epoch FROM ${i('start')} - n.start)::int8 % n.step = 0
       AND (n.sequence, n.channel, ${valueAt('n', at)}, n.step, ${qualityAt('n', at)}, n.ctid)
         > (${['sequence', 'channel', 'value', 'step', 'quality', 'place'].map(i).join(', ')}))`
}
const ofI = (name: string) => `i.${name}`
export const ofRow = (name: string) => (name === 'place' ? 'prof.place' : (COLUMNS[name] ?? ''))

/** A message gives a row’s intervals without gaps, so its first and last moment say all. */
const CORRECTIONS = `LATERAL (
  SELECT array_agg(n.channel >> 16) AS channels, array_agg(n.sequence) AS sequences, array_agg(n.start) AS starts,
         array_agg(${end('n')}) AS ends
    FROM store.readings r
    JOIN store.profiles n ON n.meter = r.meter AND n.sequence = r.sequence
   WHERE r.meter = p.meter AND r.revises IS NOT NULL
     AND EXISTS (SELECT FROM store.readings x WHERE x.meter = p.meter AND x.revises IS NOT NULL)) k`

/** Whether one of the corrections of `k` stands for an interval. */
export const isCorrected = (k: string, i: (name: string) => string) => `EXISTS (
         SELECT FROM unnest(${k}.channels, ${k}.sequences, ${k}.starts, ${k}.ends) c(channel, sequence, start, ends)
          WHERE c.channel = ${i('channel')} >> 16 AND c.sequence > ${i('sequence')}
            AND c.start < ${i('start')} + make_interval(secs => ${i('step')}) AND c.ends > ${i('start')})`

/** The first row that begins in a time begins with its first interval; one that began before may reach into it. */
const first = (from: string, to: string) => `least(
       (SELECT min(prof.start) FROM store.profiles prof WHERE prof.meter = p.meter AND prof.start >= ${from} AND prof.start < ${to}),
       (SELECT min(${START}) FROM store.profiles prof CROSS JOIN LATERAL ${VALUES}
         WHERE ${reaching('p.meter', from, from)} AND ${START} >= ${from} AND ${START} < ${to}))`

/** `i`: the last interval that begins in a time, which is in the last row or in one that reaches as far. */
const last = (from: string, to: string) => `(
       SELECT ${select(['start', 'step', 'channel'])}
         FROM (SELECT max(prof.start) AS start FROM store.profiles prof WHERE ${reaching('p.meter', from, to)}) newest
         JOIN store.profiles prof ON prof.meter = p.meter AND prof.start > newest.start - ${REACH} AND prof.start <= newest.start
        CROSS JOIN LATERAL ${VALUES}
        WHERE ${START} >= ${from} AND ${START} < ${to}
        ORDER BY ${START} DESC, prof.channel LIMIT 1) i`

const PERIOD = ['p.valid_from', 'p.valid_to'] as const
const OF_MESSAGE =
  'n.meter = r.meter AND n.sequence = r.sequence AND n.lane = r.lane AND n.height = r.height AND n.entry = r.entry'

export const PACKED: Kept = {
  corrections: CORRECTIONS,
  newest: (from, to, more, k = 'k') => `(
  SELECT ${select(['start', 'channel', 'step', 'value', 'sequence', ...more])}
    FROM ${rowsOf('p.meter', from, to, `, ${k}.starts IS NOT NULL AS may_be_corrected`)}
   CROSS JOIN LATERAL ${VALUES}
   WHERE ${START} >= ${from} AND ${START} < ${to} AND (NOT prof.is_doubled OR NOT ${hasNewer(ofRow)})
     AND (NOT prof.may_be_corrected OR NOT ${isCorrected(k, ofRow)})) i`,
  first: `LATERAL (SELECT ${first(...PERIOD)} AS first_start) f`,
  last: `LATERAL (SELECT i.start + make_interval(secs => i.step) AS last_end, i.channel AS last_channel FROM ${last(...PERIOD)}) l`,
  bounds: `LATERAL (SELECT ${first(...PERIOD)} AS first, (SELECT i.start FROM ${last(...PERIOD)}) AS last) f`,
  intervalsOfCorrection: `(${UNPACKED}) n ON ${OF_MESSAGE}`,
  intervalsAt: `${unpacked('n.meter', 'n.start', `n.start + interval '1 microsecond'`)} o`,
}

export const PACKED_FOR_BILLS: KeptForBills = {
  intervals: (when) => `
      CROSS JOIN LATERAL ${rowsOf('p.meter', FROM, TO, when === 'now' ? '' : ', cuts.height AS cut_height', cut('prof', when))}
      JOIN store.channels c ON c.channel = prof.channel AND c.obis = v.measures
      CROSS JOIN LATERAL (
        SELECT ${select(ALL)}, prof.place, prof.is_doubled${when === 'now' ? '' : ', prof.cut_height'}
          FROM ${VALUES} WHERE ${START} >= ${FROM} AND ${START} < ${TO}) i`,
  isNewest: (when) => `(NOT i.is_doubled OR NOT ${hasNewer(ofI, when === 'now' ? '' : 'AND n.height <= i.cut_height')})`,
  ofMessage: { join: 'store.profiles n', ends: end('n') },
}

/** What `analytics.interval_revisions` is made from: of 0003 the aliases. */
export const REVISIONS = {
  source: `store.assignments p
       JOIN store.meters m ON m.number = p.meter
       LEFT JOIN store.zones z ON z.zone = p.zone
      CROSS JOIN ${CORRECTIONS}
      CROSS JOIN LATERAL ${unpacked('p.meter', ...PERIOD)} i
       JOIN store.channels c ON c.channel = i.channel`,
  isSuperseded: `${hasNewer(ofI)} OR ${isCorrected('k', ofI)}`,
}
