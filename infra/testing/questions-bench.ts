/** `make bench-questions`: the questions of docs/questions.md, asked of a year of simulated meters at 15 minutes, whose signed messages
 *  the projector’s own code has written. */
import pg from 'pg'
import { readProcesses } from '../bench/processes.js'
import { startProgress } from '../cli/progress.js'
import { table } from '../cli/table.js'
import { type FleetSize, withFleetDatabase } from './fleet-database.js'
import { ask } from './questions/document.js'
import { FLEET_SUBJECT } from './questions/fleet.js'
import { type Question, questionsOf } from './questions/questions.js'

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
export function questionsBench(env: Record<string, string | undefined>, size: FleetSize): Promise<void> {
  return withFleetDatabase(env, size, async ({ analystUrl, intervals }) =>
    show(await askAll(analystUrl, questionsOf(FLEET_SUBJECT)), size, intervals),
  )
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

function show(asked: readonly Asked[], { meters, days }: FleetSize, intervals: number): void {
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
