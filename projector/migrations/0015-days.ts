import type { Kysely, Migration } from 'kysely'
import { dayViews } from './0008-days.js'
import { peaks, topConsumers } from './0009-consumption.js'
import { exceptions } from './0010-exceptions.js'
import { qualityViews } from './0010-quality.js'
import { MONTHS, PACKED_DAYS, ZERO_DAYS } from './0015-sources.js'

/** The same views, with the same answers: days and months of packed rows, without a look at each interval (make bench-questions). */
export const packedDays: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await dayViews(db, PACKED_DAYS)
    await peaks(db, PACKED_DAYS)
    await topConsumers(db, MONTHS)
    await qualityViews(db, PACKED_DAYS)
    await exceptions(db, PACKED_DAYS, ZERO_DAYS)
  },
}
