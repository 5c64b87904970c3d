/** One measurement: from the first byte sent to the last row visible in PostgreSQL. */
import type pg from 'pg'
import type { Progress } from '../cli/progress.js'
import { BlockWatch } from './block-watch.js'
import { INTERVALS, type Queue } from './fleet.js'
import { type Latencies, latenciesOf, placesOf } from './latency.js'
import { type Answered, sendAll } from './send.js'
import { type Spent, UsageMeter, type Watched } from './usage.js'

export interface Measured extends Latencies {
  readonly messages: number
  readonly seconds: number
  readonly messagesPerSecond: number
  readonly intervalsPerSecond: number
  readonly blocks: number
  readonly usage: readonly Spent[]
}

export interface Measurement {
  readonly doorUrl: string
  /** Reads ledger and store. */
  readonly database: pg.ClientBase
  readonly watched: readonly Watched[]
  readonly queues: readonly Queue[]
  readonly progress: Progress
}

/** Rejects where a reading is refused, does not count, or a process ends. Nobody else may send meanwhile. */
export async function measure({ doorUrl, database, watched, queues, progress }: Measurement): Promise<Measured> {
  const messages = queues.flat().reduce((sum, { readings }) => sum + readings, 0)
  const answers: Answered[] = []
  let accepted = 0
  const watch = await BlockWatch.open(database)
  const usage = new UsageMeter(watched)
  const started = performance.now()
  try {
    const sending = sendAll(doorUrl, queues, (answered) => {
      answers.push(answered)
      accepted += answered.request.readings
    })
    const showing = watch.until(messages, (counted) => progress.update(counted, messages, `${accepted} accepted by the door`))
    await Promise.all([sending, showing])
    const seconds = (performance.now() - started) / 1000
    const spent = usage.stop()
    const places = await placesOf(
      database,
      answers.flatMap(({ request }) => request.sampled),
    )
    return {
      ...{ messages, seconds, messagesPerSecond: messages / seconds, intervalsPerSecond: (messages * INTERVALS) / seconds },
      ...{ blocks: watch.blocks.length, usage: spent },
      ...latenciesOf(answers, places, watch.blocks),
    }
  } finally {
    usage.end()
    progress.stop()
  }
}
