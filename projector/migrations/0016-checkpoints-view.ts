import type { Kysely, Migration } from 'kysely'
import { replaceView } from './described.js'

/** The same rows, found by height: over a window of all checkpoints, which come every 5 s, a page near the end would read the whole table. */
export const checkpointsView: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await replaceView(
      db,
      'analytics.checkpoints',
      'Checkpoints: what covers the ledger up to when, and who vouches for it',
      `SELECT c.size, c.height, encode(c.root, 'hex') AS root,
              c.size - coalesce((SELECT p.size FROM store.checkpoints p WHERE p.height < c.height ORDER BY p.height DESC LIMIT 1), 0) AS blocks,
              c.proposer, c.sealed_at, c.final_at, c.registry_size, vouched.signed AS signed_weight, c.total_weight,
              3::numeric * vouched.signed > 2::numeric * c.total_weight AS is_signed, vouched.signers, vouched.witnesses,
              vouched.witnessed_at
         FROM store.checkpoints c
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(weight), 0)::int8 AS signed,
                 coalesce(array_agg(name ORDER BY name COLLATE "C") FILTER (WHERE kind = 1), '{}') AS signers,
                 coalesce(array_agg(name ORDER BY name COLLATE "C") FILTER (WHERE kind = 4), '{}') AS witnesses,
                 to_timestamp(max(seen_seconds) FILTER (WHERE kind = 4)) AS witnessed_at
            FROM store.checkpoint_signatures s WHERE s.size = c.size) vouched`,
    )
  },
}
