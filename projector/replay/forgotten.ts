import type pg from 'pg'
import type { Cursor } from '../cursors.js'
import type { ForgottenPart } from '../fill-source.js'
import { plainRows } from '../plain-records.js'
import type { SetPrefix } from '../schema-set.js'
import { inSet } from '../schema-set.js'

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

/** What topics that a replica does not hold told so far, from the live tables, each record once. `untilMillis`: by the clock of who told
 *  it. `client`: one that names no set. */
export async function copyTold(
  client: pg.Client,
  set: SetPrefix,
  { source, lane }: Pick<Cursor, 'source' | 'lane'>,
  untilMillis = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { table } = plainRows(source, lane, [])
  const columns = table.columns.map(({ name }) => name).join(', ')
  await client.query('BEGIN')
  const { rows } = await client.query<{ from: string; height: string; next: string }>(
    `SELECT filled.next_offset AS "from", live.height, live.next_offset AS next
       FROM ${set}ledger.cursors filled JOIN ledger.cursors live USING (source, lane) WHERE source = $1 AND lane = $2 FOR UPDATE OF filled`,
    [source, lane],
  )
  const [found] = rows
  if (found !== undefined) {
    await client.query(
      `INSERT INTO ${inSet(set, table.name)} (${columns}) SELECT ${columns} FROM ${table.name}
        WHERE lane = $1 AND log_offset >= $2 AND log_offset < $3 AND at <= to_timestamp($4::float8 / 1000)`,
      [lane, found.from, found.next, untilMillis],
    )
    await client.query(`UPDATE ${set}ledger.cursors SET height = $3, next_offset = $4 WHERE source = $1 AND lane = $2`, [
      ...[source, lane, found.height, found.next],
    ])
  }
  await client.query('COMMIT')
}
