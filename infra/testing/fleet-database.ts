/** A database with a simulated fleet at 15 minutes, of a bench: its signed messages, written by the projector’s own code. */
import { type Migrated, withClient } from '../../projector/migrate.js'
import { spokenSeconds, startProgress } from '../cli/progress.js'
import { withBenchDatabase, withPostgres } from './bench-database.js'
import { fleetData } from './questions/fleet.js'
import { writeData } from './questions/write-data.js'

export interface FleetSize {
  /** Households; the heads of feeders come on top. */
  readonly meters: number
  /** From 1 January 2025 on. */
  readonly days: number
}

export interface FleetDatabase extends Migrated {
  readonly adminUrl: string
  /** That messages hold, with those that corrections supersede. */
  readonly intervals: number
}

/** Dropped afterwards. */
export function withFleetDatabase<T>(
  env: Record<string, string | undefined>,
  size: FleetSize,
  use: (database: FleetDatabase) => Promise<T>,
): Promise<T> {
  return withPostgres(env, (adminUrl) =>
    withBenchDatabase(adminUrl, async (database) => {
      await write(database.writerUrl, size)
      const intervals = await withClient(database.adminUrl, async (client) => {
        await client.query('VACUUM ANALYZE')
        const { rows } = await client.query<{ intervals: number }>(
          'SELECT sum(coalesce(cardinality(narrow), cardinality(wide)))::float8 AS intervals FROM store.profiles',
        )
        return rows[0]?.intervals ?? 0
      })
      return use({ ...database, intervals })
    }),
  )
}

async function write(url: string, size: FleetSize): Promise<void> {
  const progress = startProgress('days written')
  const began = performance.now()
  let days = 0
  try {
    await writeData(url, fleetData(size), () => progress.update(++days, size.days))
  } finally {
    progress.stop()
  }
  const seconds = (performance.now() - began) / 1000
  process.stdout.write(`${size.meters} meters and ${size.days} days signed and written in ${spokenSeconds(seconds)}\n`)
}
