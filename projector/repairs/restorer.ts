/** Puts back by itself what topics have lost: the tables are a replica. It appends and does no more; where that cannot do, it tells which
 *  command an operator must run. Beside the projector's work, one topic at a time. */
import type { ClientBase } from 'pg'
import type { Logger } from 'pino'
import { faultOfDamage, type LogFault } from '../../infra/kafka/log-fault.js'
import type { LogDamage, LogRecord } from '../../infra/kafka/log-reader.js'
import { type TellRepair, ToldRepair } from '../../infra/repairs/repair-events.js'
import type { CarriedOut } from '../../infra/restore/carry-out.js'
import { RestoreRequests, restoreId, topicOfId } from '../../infra/restore/requests.js'
import type { RestorableTopic } from '../../infra/restore/restorable.js'
import { TransientError } from '../../schemas/errors.js'
import { decodeRepair, type Repair } from '../../schemas/records.js'
import { isPassing } from '../database.js'
import type { Transactions } from './heal.js'
import { untilOver } from './pace.js'
import { type Ground, RestoreQueue } from './restore-queue.js'

export interface RestorerOptions {
  /** Off: what is missed is told, and an operator restores it. */
  readonly isOn: boolean
  readonly tell: TellRepair
  readonly logger: Logger
  readonly database: Transactions
  /** Looks what the topic lacks that the replica holds, and appends it. */
  restore(topic: RestorableTopic): Promise<CarriedOut>
}

const BY = 'projector'
const LOOK_MILLIS = 250
/** Two projectors of one chain do not begin at the same moment: the second finds the topic whole. */
const JITTER_MILLIS = 1_000
const STOP_MILLIS = 3_000
const DAY_MILLIS = 86_400_000
/** Repairs that were asked for before this process began. */
const MOST_OPEN = 100
/** Of those who tell late. */
const MOST_ANSWERS = 50

interface Answer {
  readonly began: number
  readonly done: CarriedOut
  readonly ids: ReadonlySet<string>
  left: number
}

export class Restorer {
  readonly #queue = new RestoreQueue()
  readonly #requests: RestoreRequests
  readonly #stopping = new AbortController()
  readonly #jitterMillis = Math.random() * JITTER_MILLIS
  /** By topic: the last restore. */
  readonly #answers = new Map<RestorableTopic, Answer>()
  #work: Promise<void> = Promise.resolve()

  constructor(private readonly options: RestorerOptions) {
    this.#requests = new RestoreRequests({ ...options, by: BY })
  }

  /** Takes up what was asked for before. */
  async start(): Promise<void> {
    if (!this.options.isOn) return
    for (const { id, lane, fault, at } of await this.options.database.transaction(openRequests)) this.#note(id, lane, fault, at)
    this.#work = this.#run()
  }

  /** What is under way is cut off by the end of the process, and is begun anew by the next. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const over = new AbortController()
    await Promise.race([this.#work, untilOver(STOP_MILLIS, over.signal)])
    over.abort()
    await this.#requests.settled()
  }

  /** A reader of this projector stepped over records. They stay as they are, so what was restored once is not looked at again. */
  async damaged(damage: LogDamage): Promise<void> {
    const fault = faultOfDamage(damage)
    const isRestored = await this.options.database.transaction((client) => wasCompleted(client, restoreId(fault)))
    if (!isRestored) await this.found(fault)
  }

  /** This projector itself misses records. */
  async found(fault: LogFault): Promise<void> {
    const id = restoreId(fault)
    const topic = topicOfId(id)
    if (topic === undefined || !this.#requests.isNews(fault)) return
    const lane = topic === 'chain' ? fault.partition : -1
    this.#queue.note({ id, topic, lane, fault: fault.fault, at: Date.now(), isOwn: true }, Date.now())
    await this.#requests.found(fault)
  }

  /** What others tell. */
  takeRepairs(records: readonly LogRecord[]): void {
    for (const { value } of records) {
      const event = decodeRepair(value)
      if (event?.kind !== 'restore') continue
      if (event.status === 'requested') this.#note(event.id, event.lane, event.fault, event.at)
      else this.#queue.settled(event.id)
    }
  }

  #note(id: string, lane: number, fault: string, at: number): void {
    const topic = topicOfId(id)
    if (topic === undefined) return
    const ground = { id, topic, lane, fault, at, isOwn: false }
    const last = this.#answers.get(topic)
    // it is told late: what it misses was missed before the last restore began, so that was for it too
    if (last === undefined || at >= last.began) this.#queue.note(ground, Date.now())
    else if (!last.ids.has(id) && last.left-- > 0) void this.#tellEnd(ground, last.done)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const topic = this.#queue.next(Date.now(), this.#jitterMillis)
      if (topic === undefined) await untilOver(LOOK_MILLIS, signal)
      else await this.#restore(topic)
    }
  }

  /** Restores the topic now: the projector cannot go on before. Whether it holds all afterwards; TransientError: try again. */
  async regain(fault: LogFault): Promise<boolean> {
    await this.found(fault)
    const done = await this.#restore('checkpoints')
    if (done === undefined) throw new TransientError(`topic ${fault.topic} could not be restored yet`)
    return done.status === 'completed'
  }

  async #restore(topic: RestorableTopic): Promise<CarriedOut | undefined> {
    const { logger, restore } = this.options
    const grounds = this.#queue.take(topic)
    const began = Date.now()
    logger.warn({ topic, grounds: grounds.map(({ id }) => id) }, 'records are missed: the topic is compared with the tables')
    const done = await restore(topic).catch((error: Error) => this.#notDone(topic, grounds, error))
    if (done === undefined) return undefined
    const tookMillis = Date.now() - began
    logger.warn({ ...done, tookMillis }, 'the topic was compared with the tables')
    this.#queue.ended(topic, Date.now(), tookMillis, done.appended === 0)
    for (const ground of grounds) await this.#tellEnd(ground, done)
    this.#answers.set(topic, { began, left: MOST_ANSWERS, done, ids: new Set(grounds.map(({ id }) => id)) })
    return done
  }

  /** Broker or database may be there again in a moment; a replica that does not hold will not. */
  #notDone(topic: RestorableTopic, grounds: readonly Ground[], error: Error): CarriedOut | undefined {
    const { logger } = this.options
    if (this.#stopping.signal.aborted) return undefined
    if (isPassing(error) || error instanceof TransientError) {
      logger.warn({ err: error, topic }, 'a restore was cut off; it is tried again')
      this.#queue.cutOff(grounds, Date.now())
      return undefined
    }
    logger.error({ err: error, topic }, 'a restore failed')
    return {
      topic,
      status: 'failed',
      appended: 0,
      detail: `${error.message}. What is missing: meterchain restore --topic ${topic}`,
    }
  }

  /** An end that cannot be told is logged: whoever misses something yet asks again. */
  async #tellEnd({ id, topic, lane, fault, at }: Ground, { status, detail }: CarriedOut): Promise<void> {
    const began = Math.min(Date.now(), Math.max(at, Date.now() - DAY_MILLIS))
    const told = new ToldRepair({ kind: 'restore', lane, subject: `topic ${topic}`, fault, by: BY }, this.options.tell, began, id)
    await told
      .ended(status, detail)
      .catch((err: Error) => this.options.logger.warn({ err, id, status, detail }, 'the end of a restore could not be told'))
  }
}

/** The newest event of each, where nobody has told its end. */
async function openRequests(client: ClientBase): Promise<Pick<Repair, 'id' | 'lane' | 'fault' | 'at'>[]> {
  const { rows } = await client.query<{ id: string; lane: number; fault: string; at: string }>(
    `SELECT id, of_lane AS lane, fault, (extract(epoch FROM at) * 1000)::int8 AS at
       FROM (SELECT DISTINCT ON (id) * FROM store.repair_events WHERE kind = 'restore'
              ORDER BY id, at DESC, status = 'requested') newest
      WHERE status = 'requested' ORDER BY at DESC LIMIT ${MOST_OPEN}`,
  )
  return rows.map((row) => ({ ...row, at: Number(row.at) }))
}

async function wasCompleted(client: ClientBase, id: string): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT FROM store.repair_events WHERE id = $1 AND status = 'completed' LIMIT 1`, [id])
  return rowCount !== 0
}
