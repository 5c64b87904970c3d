import type { Kysely, Migration } from 'kysely'
import { run } from './described.js'

const KINDS =
  'resend: a meter sends again; reseal: another block for the same readings; reproject: rows made again from the log; replay: a lost or old database filled from the logs; restore: records of a topic appended again; epoch: a partition of readings was lost, and begins anew; rebuild: a state made again; wait: a service was away, or its disk was full, and all went on when it was back; skip: records of a topic that mean nothing were passed over'

/** Two more kinds of repair. */
export const repairKinds: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const stored = 'resend, reseal, reproject, replay, restore, epoch, rebuild, wait or skip'
    await run(db, `COMMENT ON COLUMN store.repair_events.kind IS '${stored}'`)
    for (const view of ['repairs', 'repair_events']) await run(db, `COMMENT ON COLUMN analytics.${view}.kind IS '${KINDS}'`)
  },
}
