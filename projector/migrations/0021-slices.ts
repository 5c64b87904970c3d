import type { Migration } from 'kysely'
import { totalledViews } from './0020-totals.js'

/** Rows that a midnight divides are summed by slices of their arrays: where messages are days of UTC and points are not, that is all
 *  rows, and their months took 2.6 times as long interval by interval (0020 once ran without). */
export const slices: Migration = { up: totalledViews }
