import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { equalBytes } from '../../schemas/bytes.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { BugError, TransientError } from '../../schemas/errors.js'
import type { RegistryEvent } from '../../schemas/records.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { LogLook } from '../kafka/fetch-once.js'
import { faultOfDamage, type LogFault } from '../kafka/log-fault.js'
import { LogReader, type LogRecord, LostLogError, offsetRanges, readLog } from '../kafka/log-reader.js'
import { LmdbRegistryStore } from './lmdb-registry-store.js'
import { RegistryLog, RegistryMismatchError, valueHash } from './registry-log.js'
import { Waiters } from './waiters.js'

export interface RegistryFollowerOptions {
  readonly kafka: Kafka
  readonly config: { readonly topicPrefix: string }
  /** Folder of the store: one for each process. */
  readonly path: string
  readonly logger: Logger
  readonly signatures: Signatures
  readonly cachedMeters?: number
  /** After it was started: it cannot go on, the process should exit. Default: it ends the process as an uncaught exception. */
  readonly onFailure?: (error: Error) => void
  /** A record cannot be read; awaited, before it ends. */
  readonly onLogFault?: (fault: LogFault) => Promise<void> | void
}

/** An event that counts, after it was folded and committed. */
export interface FoldedEvent {
  readonly index: number
  readonly event: RegistryEvent
  readonly offset: bigint
  readonly timestamp: number
}

const DEADLINE_MILLIS = 30_000
/** How long the events that a final block names may take to arrive: a certificate says that more than 2/3 have them. */
const NAMED_MILLIS = 60_000
/** Skipped records that are kept for whoever will listen. */
const UNHEARD = 1_000
/** From one look whether a topic that is being made again holds what it held to the next. */
const AGAIN_MILLIS = 500
const TOPIC = 'registry'

/** Keeps a registry state on disk level with topic `registry`. Look-ups are synchronous on `state`; whoever needs one that is
 *  not older than now, or of a certain size, awaits `caughtUp` or `reach` first. */
export class RegistryFollower {
  readonly state: RegistryState
  /** Records that did not count since it was opened, by the code of their reason. */
  readonly skipped = new Map<string, number>()
  readonly #options: RegistryFollowerOptions
  readonly #store: LmdbRegistryStore
  readonly #log: RegistryLog
  readonly #admin: Admin
  readonly #waiters = new Waiters()
  readonly #listeners = new Set<(folded: FoldedEvent) => void>()
  readonly #skipListeners = new Set<(offset: bigint, code: string) => void>()
  #reader: LogReader | undefined
  /** Offset before which all is folded: beyond the last record lie offsets that hold none, where a stranger used transactions. */
  #reached = 0n
  /** Skipped while nobody listened. */
  readonly #unheard: [offset: bigint, code: string][] = []
  #isRunning = false
  #following: Promise<void> | undefined

  private constructor(options: RegistryFollowerOptions) {
    this.#options = options
    this.#store = new LmdbRegistryStore(
      options.path,
      options.cachedMeters === undefined ? {} : { cachedMeters: options.cachedMeters },
    )
    this.state = new RegistryState(this.#store, options.signatures)
    this.#log = new RegistryLog(this.#store, this.state, options.path)
    this.#admin = options.kafka.admin()
  }

  /** Opens the store; what it held when the process ended can be looked up at once. */
  static async open(options: RegistryFollowerOptions): Promise<RegistryFollower> {
    await mkdir(options.path, { recursive: true })
    return new RegistryFollower(options)
  }

  /** Folder of the store. */
  get path(): string {
    return this.#options.path
  }

  /** Next offset of the topic to be folded. */
  get nextOffset(): bigint {
    return this.#log.next
  }

  /** Follows the topic from where the store stands. Rejects with RegistryMismatchError where the store is of another log. */
  async start(): Promise<void> {
    await this.#admin.connect()
    await this.#follow()
    await this.#waiters.until(
      () => this.#log.isConfirmed,
      DEADLINE_MILLIS,
      () => `the record of registry at offset ${this.#log.from} does not come`,
    )
    this.#isRunning = true
  }

  async #follow(): Promise<void> {
    const { kafka, config, logger } = this.#options
    const { low, high } = await this.#range()
    await this.#findAnchor(low, high)
    this.#log.checkRange(low, high)
    this.#reader = new LogReader({
      kafka,
      groupId: `${config.topicPrefix}registry-follower-${randomBytes(8).toString('hex')}`,
      logger,
      topicPrefix: config.topicPrefix,
      positions: [{ topic: TOPIC, partition: 0, offset: this.#log.from }],
      onDamaged: (damage) => this.#options.onLogFault?.(faultOfDamage(damage)),
      onRecords: (_topic, _partition, records, _end, reached) => this.#fold(records, reached),
      onFailure: (error) => {
        if (!this.#isRunning || !(error instanceof LostLogError)) return this.#fail(error)
        this.#following = this.#followAgain(error).catch((cause: Error) => this.#fail(cause))
      },
    })
    await this.#reader.start()
  }

  /** The topic was made again while it was followed: it is followed from where the last event that counted stands now, once it does. */
  async #followAgain(error: LostLogError): Promise<void> {
    this.#options.logger.warn({ err: error }, 'topic registry is not what it was')
    const giveUp = Date.now() + DEADLINE_MILLIS
    await this.#reader?.stop()
    this.#reader = undefined
    this.#reached = 0n
    this.#store.setHeard(0n)
    while (this.#isRunning) {
      try {
        return await this.#follow()
      } catch (cause) {
        if (!(cause instanceof RegistryMismatchError) || Date.now() > giveUp) throw cause
        await pause(AGAIN_MILLIS)
      }
    }
  }

  /** Resolves when all is folded that was in the topic at the time of the call. Rejects with TransientError at the deadline. */
  async caughtUp(deadlineMillis = DEADLINE_MILLIS): Promise<void> {
    const { high } = await this.#range()
    await this.reachOffset(high, deadlineMillis)
  }

  /** Resolves when at least `size` events count. Rejects with TransientError at the deadline. */
  reach(size: number, deadlineMillis = NAMED_MILLIS): Promise<void> {
    return this.#waiters.until(
      () => this.state.size >= size,
      deadlineMillis,
      () => `the registry holds ${this.state.size} events, ${size} are needed`,
    )
  }

  /** Resolves when every record below `offset` is folded. Rejects with TransientError at the deadline. */
  reachOffset(offset: bigint, deadlineMillis = DEADLINE_MILLIS): Promise<void> {
    return this.#waiters.until(
      () => this.nextOffset >= offset || this.#reached >= offset,
      deadlineMillis,
      () => `topic registry is folded up to offset ${this.nextOffset}, ${offset} is needed`,
    )
  }

  /** Calls `listener` for each event that counts from now on. Gives the function that ends it. */
  onEvent(listener: (folded: FoldedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Calls for each record that does not count, with the code of its reason; the first listener hears of those, too, that came while
   *  nobody listened (the newest 1,000). None is told twice, in no life of the store. Gives the way to end that. */
  onSkip(listener: (offset: bigint, code: string) => void): () => void {
    this.#skipListeners.add(listener)
    for (const [offset, code] of this.#unheard.splice(0)) this.#hear(offset, code)
    return () => this.#skipListeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#isRunning = false
    await this.#following
    await this.#reader?.stop()
    this.#waiters.fail(new TransientError('the registry was closed'))
    await this.#admin.disconnect()
    await this.#store.close()
  }

  /** Where the last record that was folded is not in its place, the topic may have been made again, and it stands elsewhere in it. */
  async #findAnchor(low: bigint, high: bigint): Promise<void> {
    const { anchor } = this.#log
    if (anchor === undefined) return
    const { kafka, config, logger } = this.#options
    const isIt = ({ value }: Pick<LogRecord, 'value'>) => equalBytes(valueHash(value), anchor.hash)
    const topic = config.topicPrefix + TOPIC
    const isWithin = low <= anchor.offset && anchor.offset < high && this.#log.next <= high
    const there = isWithin ? await LogLook.with(kafka, (look) => look.at(topic, 0, anchor.offset)) : undefined
    const found = there?.messages.find(({ offset }) => BigInt(offset) === anchor.offset)
    if (found !== undefined && isIt(found)) {
      // what did not count after it may be another record now
      if (this.#isRunning) this.#log.moveTo(anchor.offset)
      return
    }
    for await (const record of readLog({
      kafka,
      logger,
      topicPrefix: config.topicPrefix,
      topic: TOPIC,
      partition: 0,
      from: low,
    })) {
      if (!isIt(record)) continue
      logger.warn(
        { offset: String(record.offset) },
        'topic registry was made again: it is followed from the last event that counted',
      )
      this.#log.moveTo(record.offset)
      this.#store.setHeard(record.offset + 1n)
      return
    }
  }

  async #range(): Promise<{ low: bigint; high: bigint }> {
    const topic = this.#options.config.topicPrefix + TOPIC
    const ranges = await offsetRanges(this.#admin, topic).catch((cause: unknown) => {
      throw new TransientError(`the end of topic ${topic} cannot be had from the broker: ${String(cause)}`, { cause })
    })
    const found = ranges.get(0)
    if (found === undefined) throw new BugError(`topic ${topic} has no partition 0`)
    return found
  }

  async #fold(records: readonly LogRecord[], reached: bigint): Promise<void> {
    for (const record of records) {
      const applied = this.#log.take(record)
      if (applied?.counted) this.#tell({ ...applied, offset: record.offset, timestamp: record.timestamp })
      else if (applied !== undefined) this.#skip(record.offset, applied.reason)
      this.#waiters.check()
      // 10,000 keys take half a second: let others have their turn.
      await nextTurn()
    }
    this.#reached = reached
    this.#waiters.check()
  }

  #tell({ index, event, offset, timestamp }: FoldedEvent): void {
    for (const listener of this.#listeners) listener({ index, event, offset, timestamp })
  }

  #skip(offset: bigint, reason: string): void {
    const code = reason.slice(0, reason.indexOf(':'))
    this.skipped.set(code, (this.skipped.get(code) ?? 0) + 1)
    this.#options.logger.warn({ offset: Number(offset), reason }, 'a record of registry does not count')
    if (this.#skipListeners.size > 0) {
      this.#hear(offset, code)
      return
    }
    this.#unheard.push([offset, code])
    if (this.#unheard.length > UNHEARD) this.#unheard.shift()
  }

  /** Reading begins at the last record that counted, so that others are skipped once more in each life: these are told once. */
  #hear(offset: bigint, code: string): void {
    if (offset < this.#store.heard()) return
    for (const listener of this.#skipListeners) listener(offset, code)
    this.#store.setHeard(offset + 1n)
  }

  #fail(error: Error): void {
    this.#waiters.fail(error)
    if (!this.#isRunning) return
    const { onFailure } = this.#options
    if (onFailure !== undefined) onFailure(error)
    else
      setImmediate(() => {
        throw error
      })
  }
}
