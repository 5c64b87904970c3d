/** `make bench-questions`: the questions of docs/questions.md, asked of a year of simulated meters at 15 minutes, whose signed messages
 *  the projector’s own code has written. */
import pg from 'pg'
import { withClient } from '../../projector/migrate.js'
import { readProcesses } from '../bench/processes.js'
import { spokenSeconds, startProgress } from '../cli/progress.js'
import { table } from '../cli/table.js'
import { withBenchDatabase, withPostgres } from './bench-database.js'
import { ask } from './questions/document.js'
import { FLEET_SUBJECT, fleetData } from './questions/fleet.js'
import { type Question, questionsOf } from './questions/questions.js'
import { writeData } from './questions/write-data.js'

export interface QuestionsBenchOptions {
  readonly meters: number
  readonly days: number
}

/** What a question may take, milliseconds. */
const PROMISED_MILLIS = 5_000
/** Analysts’ own limit is 30 s; a bench tells what it took. */
const LIMIT_MILLIS = 300_000

interface Asked {
  readonly title: string
  readonly rows: number
  readonly millis: number
  /** Of the server, where it runs on this machine: what tells even where others load it. */
  readonly cpuSeconds: number | undefined
}

/** Prints a table, and as its last line one JSON object. */
export function questionsBench(env: Record<string, string | undefined>, options: QuestionsBenchOptions): Promise<void> {
  return withPostgres(env, (adminUrl) =>
    withBenchDatabase(adminUrl, async (database) => {
      await write(database.writerUrl, options)
      const intervals = await withClient(database.adminUrl, async (client) => {
        await client.query('VACUUM ANALYZE')
        const { rows } = await client.query<{ intervals: number }>(
          'SELECT sum(coalesce(cardinality(narrow), cardinality(wide)))::float8 AS intervals FROM store.profiles',
        )
        return rows[0]?.intervals ?? 0
      })
      show(await askAll(database.analystUrl, questionsOf(FLEET_SUBJECT)), options, intervals)
    }),
  )
}

async function write(url: string, options: QuestionsBenchOptions): Promise<void> {
  const progress = startProgress('days written')
  const began = performance.now()
  let days = 0
  try {
    await writeData(url, fleetData(options), () => progress.update(++days, options.days))
  } finally {
    progress.stop()
  }
  const seconds = (performance.now() - began) / 1000
  process.stdout.write(`${options.meters} meters and ${options.days} days signed and written in ${spokenSeconds(seconds)}\n`)
}

async function askAll(url: string, questions: readonly Question[]): Promise<Asked[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const progress = startProgress('questions')
  try {
    await client.query(`SET statement_timeout = ${LIMIT_MILLIS}`)
    const { rows: pids } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const cpuSeconds = () => {
      const server = readProcesses().find(({ pid }) => pid === pids[0]?.pid)
      return server === undefined ? undefined : server.cpuMicros / 1_000_000
    }
    const asked: Asked[] = []
    for (const question of questions) {
      const before = cpuSeconds()
      const { rows, millis } = await ask(client, question)
      const after = cpuSeconds()
      const spent = before === undefined || after === undefined ? undefined : after - before
      asked.push({ title: question.title, rows: rows.length, millis, cpuSeconds: spent })
      progress.update(asked.length, questions.length)
    }
    return asked
  } finally {
    progress.stop()
    await client.end()
  }
}

function show(asked: readonly Asked[], { meters, days }: QuestionsBenchOptions, intervals: number): void {
  const rows = asked.map(({ title, rows: found, millis, cpuSeconds }, i) => [
    ...[i + 1, title, found, Math.round(millis), cpuSeconds?.toFixed(2) ?? '–'],
  ])
  process.stdout.write(`${table(['', 'question', 'rows', 'ms', 'CPU s'], rows)}\n`)
  const slow = asked.flatMap(({ millis }, i) => (millis > PROMISED_MILLIS ? [i + 1] : []))
  const cpu = asked.map((each) => each.cpuSeconds ?? 0)
  const slowest = Math.round(Math.max(...asked.map(({ millis }) => millis)))
  process.stdout.write(
    `${JSON.stringify({ meters, days, intervals, questions: asked.length, slowestMillis: slowest, overFiveSeconds: slow, mostCpuSeconds: Math.max(...cpu) })}\n`,
  )
}
