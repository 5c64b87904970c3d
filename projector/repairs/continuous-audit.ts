/** Audits the tables round and round beside the projector, at a bounded rate, and heals what it finds. */
import type { Logger } from 'pino'
import type { LogFault } from '../../infra/kafka/log-fault.js'
import { TransientError } from '../../schemas/errors.js'
import type { Repair } from '../../schemas/records.js'
import { Comparison } from '../audit/comparison.js'
import type { Part } from '../audit/part.js'
import { auditParts, databaseTime, type LogSource, type PartsOptions } from '../audit.js'
import { readCursors } from '../cursors.js'
import { isPassing } from '../database.js'
import type { AuditMetrics } from './audit-metrics.js'
import { type HealOptions, heal } from './heal.js'
import { OwnConnection } from './own-connection.js'
import { Pace, untilOver } from './pace.js'

/** A round begins no sooner after the one before: each opens a reader for every log, and small tables would have it do only that. */
const ROUND_MILLIS = 60_000
const RETRY_MILLIS = 2_000
/** What could not be healed is left alone for so long: the same would be told in each round. */
const REFUSED_MILLIS = 3_600_000
/** Compared in one go: the projector shares the process, and its readers wait meanwhile. */
const WINDOW_ENTRIES = 1_000
const SLICE_ROWS = 5_000
/** What a part costs beside its rows, in rows: some ms against 20 µs. */
const PART_ROWS = 100
/** A broker that is away could hold up the end of a reader for longer; the process ends anyway. */
const STOP_MILLIS = 3_000

export interface ContinuousAuditOptions extends Pick<PartsOptions, 'source' | 'registry' | 'verify' | 'witnesses'> {
  /** 0: none. */
  readonly rowsPerSecond: number
  readonly databaseUrl: string
  readonly healing: Omit<HealOptions, 'database'>
  readonly metrics: AuditMetrics
  readonly logger: Logger
  readonly roundMillis?: number
  /** A part is not healed, for the log has lost what the tables hold. */
  onLost?(fault: LogFault): void
  /** Whether topic checkpoints holds all that the tables hold of it: no row that it lacks is deleted before. */
  isRestored?(): Promise<boolean>
}

export class ContinuousAudit {
  readonly #stopping = new AbortController()
  readonly #signal = this.#stopping.signal
  readonly #connection: OwnConnection
  readonly #pace: Pace
  /** Ends of repairs that the log has not. */
  readonly #untold: Repair[] = []
  /** What could not be healed, and when. */
  readonly #refused = new Map<string, number>()
  readonly #stopped: Promise<never>
  #work: Promise<void> = Promise.resolve()

  constructor(private readonly options: ContinuousAuditOptions) {
    this.#connection = new OwnConnection(options.databaseUrl)
    this.#pace = new Pace(options.rowsPerSecond, this.#signal)
    this.#stopped = new Promise((_resolve, reject) => {
      this.#signal.addEventListener('abort', () => reject(this.#signal.reason), { once: true })
    })
    this.#stopped.catch(() => undefined) // told by whoever waits for something else too
  }

  start(): void {
    if (this.options.rowsPerSecond > 0) this.#work = this.#run()
  }

  /** Cuts off what is under way: a repair is a transaction, so it is done or it is not. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#connection.close()
    const over = new AbortController()
    await Promise.race([this.#work, untilOver(STOP_MILLIS, over.signal)])
    over.abort()
  }

  async #run(): Promise<void> {
    const { logger, metrics, roundMillis = ROUND_MILLIS } = this.options
    while (!this.#signal.aborted) {
      const began = Date.now()
      try {
        await this.#round()
        metrics.roundEnded()
      } catch (error) {
        if (!this.#signal.aborted) logger.warn({ err: error }, 'a round of the audit was cut off; it is begun again')
      }
      await untilOver(roundMillis - (Date.now() - began), this.#signal)
    }
  }

  async #round(): Promise<void> {
    await this.#tellUntold()
    const cursors = await this.#patiently(() => this.#connection.snapshot(readCursors))
    const { registry, verify, source, witnesses = [], isRestored } = this.options
    const parts = auditParts(
      {
        ...{ registry, verify, witnesses, source: pacedSource(source, this.#pace) },
        ...{ windowEntries: WINDOW_ENTRIES, sliceRows: SLICE_ROWS, onBlocks: () => undefined },
        now: () => this.#patiently(() => this.#connection.snapshot(databaseTime)),
        ...(isRestored && { isRestored }),
      },
      cursors,
    )
    for await (const part of parts) {
      const rows = await this.#patiently(() => this.#audit(part))
      await this.#pace.spend(rows + PART_ROWS)
      this.#signal.throwIfAborted()
    }
  }

  /** Gives the number of rows compared. */
  async #audit(part: Part): Promise<number> {
    // cursors and rows of one moment: what is being written now is in neither
    const found = await this.#connection.snapshot(async (client) => {
      const comparison = new Comparison(client, 0)
      await part.compare(comparison, await readCursors(client))
      return comparison
    })
    const { metrics } = this.options
    metrics.compared(found.rowsCompared)
    if (found.differenceCount > 0) {
      metrics.differed(found.differenceCount)
      // what this round has read of the log may be no more so: the next one reads it anew
      if ((await this.#heal(part)) === 'outdated')
        throw new Error(`lane ${part.lane}, ${part.subject}: an audit that began later has healed there`)
    }
    return found.rowsCompared
  }

  /** What cannot be healed is told and logged, and does not keep the rest from being audited. */
  async #heal(part: Part): Promise<'outdated' | undefined> {
    const { healing, logger } = this.options
    const { lane, subject } = part
    const key = `${lane} ${subject}`
    if (Date.now() - (this.#refused.get(key) ?? -REFUSED_MILLIS) < REFUSED_MILLIS) return undefined
    const tell = (event: Repair) => this.#tell(event)
    const registryReached = (size: number, millis: number) => this.#unlessStopped(healing.registryReached(size, millis))
    try {
      const healed = await heal(part, { ...healing, tell, registryReached, database: this.#connection })
      if (healed === undefined) return undefined
      if (healed === 'outdated') return healed
      const { status, detail, tookMillis } = healed
      if (status === 'failed' && part.lost !== undefined)
        this.options.onLost?.({ ...part.lost, partition: Math.max(0, lane), fault: 'records-lost', detail })
      if (status === 'failed') this.#refused.set(key, Date.now())
      logger.warn({ lane, subject, status, detail, tookMillis }, 'rows were not what the logs demand')
    } catch (error) {
      if (this.#signal.aborted || isPassing(error)) throw error
      // TransientError: the broker is away, and without it nothing is told; the next round finds the rows again
      if (!(error instanceof TransientError)) this.#refused.set(key, Date.now())
      logger.error({ err: error, lane, subject }, 'rows are not what the logs demand, and could not be healed')
    }
    return undefined
  }

  async #tellUntold(): Promise<void> {
    for (let event = this.#untold[0]; event !== undefined; event = this.#untold[0]) {
      await this.#unlessStopped(this.options.healing.tell(event))
      this.#untold.shift()
    }
  }

  /** An end that cannot be told now is told when the next round begins: the rows are healed already, and will not be found again. */
  async #tell(event: Repair): Promise<void> {
    try {
      await this.#unlessStopped(this.options.healing.tell(event))
    } catch (error) {
      if (event.status !== 'requested') this.#untold.push(event)
      throw error
    }
  }

  /** Does it again while PostgreSQL is away. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (this.#signal.aborted || !isPassing(error)) throw error
        this.options.logger.warn({ err: error }, 'PostgreSQL is away; the audit waits')
      }
      await untilOver(RETRY_MILLIS, this.#signal)
      this.#signal.throwIfAborted()
    }
  }

  #unlessStopped<T>(waited: Promise<T>): Promise<T> {
    return Promise.race([waited, this.#stopped])
  }
}

/** The same logs, record by record at that pace: blocks without entries cost their signatures, and few rows. */
function pacedSource(source: LogSource, pace: Pace): LogSource {
  async function* paced<T>(records: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const record of records) {
      await pace.spend(1)
      yield record
    }
  }
  return {
    chain: (lane) => paced(source.chain(lane)),
    plain: async (topic, partition) => {
      const log = await source.plain(topic, partition)
      return { ...log, records: paced(log.records) }
    },
  }
}
