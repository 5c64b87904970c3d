/** What the audit is for, done on purpose: one value in the tables becomes another, without the projector. */
import pg from 'pg'

export interface Tampered {
  /** For a person: which row, from what to what. */
  readonly told: string
  /** Whether it was there still: the projector's own audit may have healed it meanwhile. */
  undo(): Promise<boolean>
}

const ADDED_WATT_HOURS = 1_000

/** Adds 1 kWh to the newest interval of some meter. */
export async function tamper(writerUrl: string): Promise<Tampered> {
  const { rows } = await run(
    writerUrl,
    `UPDATE store.profiles SET narrow[1] = narrow[1] + $1
      WHERE ctid = (SELECT ctid FROM store.profiles WHERE narrow[1] < 1000000000 LIMIT 1)
      RETURNING meter, start, sequence, channel, lane, height, entry, narrow[1] AS value`,
    [ADDED_WATT_HOURS],
  )
  const row = rows[0]
  if (row === undefined) throw new Error('there is no interval to change in store.profiles')
  const { meter, start, sequence, channel, lane, height, entry, value } = row
  const where = [meter, start, sequence, channel, lane, height, entry]
  return {
    told: `UPDATE store.profiles SET narrow[1] = ${value} (it was ${Number(value) - ADDED_WATT_HOURS}): lane ${lane}, height ${height}, entry ${entry}`,
    undo: async () => {
      const undone = await run(
        writerUrl,
        `UPDATE store.profiles SET narrow[1] = narrow[1] - $8
          WHERE meter = $1 AND start = $2 AND sequence = $3 AND channel = $4 AND lane = $5 AND height = $6 AND entry = $7 AND narrow[1] = $9`,
        [...where, ADDED_WATT_HOURS, value],
      )
      const count = undone.rowCount ?? 0
      if (count > 1) throw new Error(`${count} rows were put back, not 1: run meterchain audit`)
      return count === 1
    },
  }
}

async function run(url: string, statement: string, values: readonly unknown[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(statement, [...values])
  } finally {
    await client.end()
  }
}
