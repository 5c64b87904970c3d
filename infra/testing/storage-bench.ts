/** `make bench-storage`: what an interval takes on disk, for messages of a day and of an hour, written by the projector's own code. */

import { withClient } from '../../projector/migrate.js'
import { startProgress } from '../cli/progress.js'
import { table } from '../cli/table.js'
import { withBenchDatabase, withPostgres } from './bench-database.js'
import { type FleetOptions, fleetData } from './questions/fleet.js'
import { writeData } from './questions/write-data.js'

export interface StorageBenchOptions {
  readonly meters: number
  readonly days: number
  readonly hourlyDays: number
}

interface Kind extends FleetOptions {
  readonly name: string
}

interface Size {
  readonly name: string
  readonly messages: number
  readonly intervals: number
  /** Bytes an interval: of the rows that hold it with their keys and origin, and of the indexes on them. */
  readonly rows: number
  readonly indexes: number
  /** Beside that, of the rows and indexes of the messages, and of the signed bytes themselves, which make the database a replica. */
  readonly messageRows: number
  readonly signedBytes: number
}

/** Prints a table, and as its last line one JSON object. */
export function storageBench(
  env: Record<string, string | undefined>,
  { meters, days, hourlyDays }: StorageBenchOptions,
): Promise<void> {
  return withPostgres(env, async (adminUrl) => {
    const kinds: Kind[] = [
      { name: 'a day of quarter-hours', meters, days, isPlain: true },
      { name: 'an hour of quarter-hours', meters, days: hourlyDays, perMessage: 4, isPlain: true },
    ]
    const sizes: Size[] = []
    for (const kind of kinds) sizes.push(await measure(adminUrl, kind))
    show(sizes)
  })
}

function measure(adminUrl: string, kind: Kind): Promise<Size> {
  return withBenchDatabase(adminUrl, async (database) => {
    const data = fleetData(kind)
    const batches = [...data.batches()].length
    const progress = startProgress(`write, ${kind.name} a message`)
    let written = 0
    try {
      await writeData(database.writerUrl, data, () => progress.update(++written, batches))
    } finally {
      progress.stop()
    }
    return withClient(database.adminUrl, async (client) => {
      // what the visibility map and dead rows would add is added
      await client.query('VACUUM')
      const { rows } = await client.query<Record<Exclude<keyof Size, 'name'>, number>>(SIZES)
      const [size] = rows
      if (size === undefined) throw new Error('the database tells no sizes')
      return { name: kind.name, ...size }
    })
  })
}

const SIZES = `
  SELECT messages::int, intervals::int, (pg_table_size('store.profiles') / intervals)::float8 AS rows,
         (pg_indexes_size('store.profiles') / intervals)::float8 AS indexes,
         (pg_total_relation_size('store.readings') / intervals)::float8 AS "messageRows",
         (pg_total_relation_size('ledger.blocks') / intervals)::float8 AS "signedBytes"
    FROM (SELECT (SELECT count(*) FROM store.readings) AS messages,
                 (SELECT sum(coalesce(cardinality(narrow), cardinality(wide))) FROM store.profiles)::numeric AS intervals) counted`

const figure = (bytes: number) => bytes.toFixed(2)

function show(sizes: readonly Size[]): void {
  const heads = ['a message is', 'messages', 'intervals', 'rows', 'indexes', 'both', 'rows of messages', 'signed bytes']
  const rows = sizes.map(({ name, messages, intervals, rows: own, indexes, messageRows, signedBytes }) => [
    ...[name, messages, intervals],
    ...[own, indexes, own + indexes, messageRows, signedBytes].map(figure),
  ])
  process.stdout.write(`Bytes on disk for each interval\n${table(heads, rows)}\n`)
  const [day, hour] = sizes.map(({ rows: own, indexes }) => Number(figure(own + indexes)))
  process.stdout.write(`${JSON.stringify({ bytesPerIntervalDay: day, bytesPerIntervalHour: hour })}\n`)
}
