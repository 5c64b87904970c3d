/** `make bench-export`: `meterchain export` of a year of simulated meters at 15 minutes, by the command itself in a process of its own. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { withClient } from '../../projector/migrate.js'
import { tell } from '../cli/progress.js'
import { table } from '../cli/table.js'
import { loadConfig } from '../config.js'
import { type FleetDatabase, type FleetSize, withFleetDatabase } from './fleet-database.js'
import { type Measured, measuredCli } from './measured-cli.js'

const FORMATS = ['parquet', 'csv'] as const
type Format = (typeof FORMATS)[number]

interface Made extends Measured {
  readonly format: Format
  readonly rows: number
  readonly bytes: number
}

/** Prints a table, and as its last line one JSON object. Rejects where a file does not hold what SQL says. */
export function exportBench(env: Record<string, string | undefined>, size: FleetSize): Promise<void> {
  const first = Date.parse('2025-01-01')
  const tenth = new Date(first + Math.floor(size.days / 10) * 86_400_000).toISOString()
  return withFleetDatabase(env, size, async (database) => {
    const folder = join(loadConfig(env).home, 'bench-export')
    mkdirSync(folder, { recursive: true })
    try {
      const whole = await told(database)
      const [tenths, wholes]: [Made[], Made[]] = [[], []]
      for (const format of FORMATS) {
        const path = join(folder, `intervals.${format}`)
        tenths.push(await exported(env, database, format, join(folder, `tenth.${format}`), ['--to', tenth]))
        wholes.push(await exported(env, database, format, path, []))
        compare(format, await readBack(path, format), whole)
        rmSync(path)
      }
      show(size, tenths, wholes, whole)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

async function exported(
  env: Record<string, string | undefined>,
  { writerUrl, analystUrl }: FleetDatabase,
  format: Format,
  path: string,
  range: readonly string[],
): Promise<Made> {
  tell(`export of ${range.length > 0 ? 'a tenth of the time' : 'all'} to ${format}`)
  const urls = { METERCHAIN_DATABASE_URL: writerUrl, METERCHAIN_ANALYST_URL: analystUrl }
  const { stdout, ...measured } = await measuredCli(['export', 'intervals', path, '--json', ...range], { ...env, ...urls })
  const { rows, bytes } = JSON.parse(stdout) as { rows: number; bytes: number }
  return { format, rows, bytes, ...measured }
}

/** Rows, and the exact sum of their energy in kWh with twelve digits after the point. */
interface Content {
  readonly rows: string
  readonly kwh: string
}

async function told({ adminUrl }: FleetDatabase): Promise<Content> {
  tell('SQL counts and sums the intervals')
  return withClient(adminUrl, async (client) => {
    const { rows } = await client.query<Content>(
      'SELECT count(*)::text AS rows, sum(kwh)::numeric(38, 12)::text AS kwh FROM analytics.intervals',
    )
    const [content] = rows
    if (content === undefined) throw new Error('analytics.intervals gives no count')
    return content
  })
}

async function readBack(path: string, format: Format): Promise<Content> {
  tell(`DuckDB reads ${path}`)
  const source = format === 'csv' ? `read_csv('${path}', types = {'kwh': 'DECIMAL(38,12)'})` : `read_parquet('${path}')`
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  try {
    const reader = await connection.runAndReadAll(`SELECT count(*)::text, sum(kwh)::text FROM ${source}`)
    const [row = []] = reader.getRows()
    return { rows: String(row[0]), kwh: String(row[1]) }
  } finally {
    connection.closeSync()
  }
}

function compare(format: Format, read: Content, whole: Content): void {
  if (read.rows !== whole.rows || read.kwh !== whole.kwh)
    throw new Error(`${format}: DuckDB reads ${read.rows} rows of ${read.kwh} kWh, SQL says ${whole.rows} of ${whole.kwh}`)
}

function show({ meters, days }: FleetSize, tenths: readonly Made[], wholes: readonly Made[], whole: Content): void {
  const heads = ['file', 'rows', 'bytes', 'seconds', 'CPU s', 'rows/s', 'memory, highest']
  const line = ({ format, rows, bytes, seconds, cpuSeconds, peakBytes }: Made) => [
    ...[format, rows, bytes, seconds.toFixed(1), cpuSeconds.toFixed(1), Math.round(rows / seconds)],
    `${Math.round(peakBytes / 1e6)} MB`,
  ]
  const both = wholes.flatMap((all, i) => [...tenths.slice(i, i + 1), all])
  process.stdout.write(`${table(heads, both.map(line))}\n`)
  process.stdout.write(`DuckDB reads from both files what SQL says: ${whole.rows} rows, ${whole.kwh} kWh\n`)
  const figures = ({ rows, bytes, seconds, cpuSeconds, peakBytes }: Made) => {
    const [took, cpu] = [seconds, cpuSeconds].map((each) => Math.round(each * 10) / 10)
    return { rows, bytes, seconds: took, cpuSeconds: cpu, rowsPerSecond: Math.round(rows / seconds), peakBytes }
  }
  const named = (all: readonly Made[]) => Object.fromEntries(all.map((each) => [each.format, figures(each)]))
  process.stdout.write(`${JSON.stringify({ meters, days, ...named(wholes), tenth: named(tenths), ...whole })}\n`)
}
