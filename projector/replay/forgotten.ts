import type pg from 'pg'
import type { PlainSource } from '../cursors.js'
import { plainRows } from '../plain-records.js'
import type { SetPrefix } from '../schema-set.js'
import { inSet } from '../schema-set.js'

export interface ForgottenPart {
  readonly source: PlainSource
  readonly lane: number
  /** First offset that the topic still has. */
  readonly low: bigint
}

/** What a topic told and keeps no longer (rejections: 90 days) stands in the live tables alone: it is copied from there, and the set
 *  goes on at the first offset that is kept. Each at most once: the set’s cursor says so. `client`: one that names no set. */
export async function copyForgotten(client: pg.Client, set: SetPrefix, { source, lane, low }: ForgottenPart): Promise<void> {
  const { table } = plainRows(source, lane, [])
  await client.query('BEGIN')
  const { rowCount } = await client.query(
    `UPDATE ${set}ledger.cursors SET next_offset = $3 WHERE source = $1 AND lane = $2 AND next_offset < $3 AND height = 0`,
    [source, lane, String(low)],
  )
  if (rowCount === 1) {
    const ofLane = table.columns.some(({ name }) => name === 'lane') ? `AND lane = ${lane}` : ''
    await client.query(`INSERT INTO ${inSet(set, table.name)} SELECT * FROM ${table.name} WHERE log_offset < $1 ${ofLane}`, [
      String(low),
    ])
  }
  await client.query('COMMIT')
}
