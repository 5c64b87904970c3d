/** A bill for a person: its lines, what they add up to, and the entries that it was made of. */
import type pg from 'pg'
import { table } from './table.js'

export interface BillAsked {
  readonly point: string
  /** YYYY-MM. */
  readonly month: string
  /** As it was known then; undefined: now. */
  readonly asOf?: string
  readonly withEntries: boolean
}

interface Line {
  readonly name: string
  readonly plan: string
  readonly kwh: string | null
  readonly estimated_kwh: string | null
  readonly measured: string
  readonly price: string
  readonly amount: string
  readonly currency: string
  readonly problems: string[]
}

/** `client`: of a role that reads schemas ledger, store and analytics. */
export async function billText(client: pg.Client, { point, month, asOf, withEntries }: BillAsked): Promise<string[]> {
  const first = `${month}-01`
  const { rows } = await client.query<Line>(
    `SELECT name, plan, kwh::text, estimated_kwh::text, measured::text, price::text, amount::text, currency, problems
       FROM analytics.bill_lines_as_of($1, $2) WHERE month = $3 ORDER BY tariff_zone IS NULL, event, tariff_zone`,
    [asOf ?? 'infinity', point, first],
  )
  if (rows.length === 0)
    return [`no bill of ${point} for ${month}: nothing was measured, or no plan holds (see analytics.unpriced_points)`]
  const head = ['plan', 'zone', 'kWh', 'estimated', 'measured', 'price', 'amount']
  const lines = rows.map((row) => [row.plan, row.name, row.kwh, row.estimated_kwh, row.measured, row.price, row.amount])
  return [
    `usage point ${point}, ${month}${asOf === undefined ? '' : `, as it was known at ${asOf}`}`,
    table(head, lines),
    ...(await totals(client, point, first, asOf)),
    ...(withEntries ? await entries(client, point, first) : []),
  ]
}

async function totals(client: pg.Client, point: string, first: string, asOf = 'infinity'): Promise<string[]> {
  const { rows } = await client.query<{
    amount: string | null
    currency: string
    completeness: string | null
    problems: string[]
  }>(
    `SELECT amount::text, currency, completeness::text, problems FROM analytics.bills_as_of($1, $2) WHERE month = $3 ORDER BY currency`,
    [asOf, point, first],
  )
  return rows.map(({ amount, currency, completeness, problems }) => {
    const covered = completeness === null ? '' : `; ${(Number(completeness) * 100).toFixed(2)} % of the month is measured`
    return amount === null ? `no amount: ${problems.join(', ')}${covered}` : `${amount} ${currency}${covered}`
  })
}

/** Of a day before to a day after the month of UTC: no local month goes beyond. */
async function entries(client: pg.Client, point: string, first: string): Promise<string[]> {
  const { rows } = await client.query<{ lane: number; height: string; entry: number; leaf: string }>(
    `SELECT DISTINCT r.lane, r.height, r.entry, encode(r.leaf, 'hex') AS leaf
       FROM (SELECT lane, height, entry, interval_start AS at FROM analytics.intervals WHERE usage_point = $1
             UNION ALL SELECT lane, height, entry, read_at FROM analytics.registers WHERE usage_point = $1) v
       JOIN store.readings r ON r.lane = v.lane AND r.height = v.height AND r.entry = v.entry
      WHERE v.at >= ($2::date - 1)::timestamp AT TIME ZONE 'UTC'
        AND v.at < ($2::date + interval '1 month 1 day') AT TIME ZONE 'UTC'
      ORDER BY r.lane, r.height, r.entry`,
    [point, first],
  )
  return [
    `${rows.length} entries hold values that stand now, from a day before the month to a day after; a proof of each: /v1/proofs/LEAF`,
    table(
      ['lane', 'height', 'entry', 'leaf'],
      rows.map(({ lane, height, entry, leaf }) => [lane, height, entry, leaf]),
    ),
  ]
}
