/** Looks every 2 s whether broker, PostgreSQL and schema registry are there, and tells each outage with its duration. The way back is to
 *  wait, which those do who need the service: nothing waits for the watch, and nothing that happens to it stops anybody. */
import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import type { Readiness } from '../../infra/health.js'
import type { OpenRepair, OpenRepairs } from '../../infra/repairs/open-repairs.js'
import type { TellRepair } from '../../infra/repairs/repair-events.js'
import { untilOver } from './pace.js'
import type { Service } from './services.js'

const PAUSE_MILLIS = 2_000
const ANSWER_MILLIS = 5_000
/** Looks in a row that must fail: one alone may be a moment's. */
const FAILED_LOOKS = 2

export interface ServiceWatchOptions {
  readonly services: readonly Service[]
  /** Outages that are not over, so that the next life of the process knows when they began. */
  readonly open: OpenRepairs
  readonly tell: TellRepair
  readonly logger: Logger
  readonly metrics: Registry
  readonly pauseMillis?: number
  /** How long a service may take to answer. */
  readonly answerMillis?: number
}

interface Outage {
  readonly repair: OpenRepair
  isRequested: boolean
  /** When it was back, milliseconds. */
  until?: number
}

export class ServiceWatch {
  /** Those that last, and those that are over and not told to their end. */
  readonly #outages: Outage[]
  /** By fault: when the first of the failed looks began, and how many there were. */
  readonly #failed = new Map<string, { since: number; looks: number }>()
  readonly #up: Gauge<'service'>
  readonly #stopping = new AbortController()
  #isTelling = false
  #work: Promise<void> = Promise.resolve()

  constructor(private readonly options: ServiceWatchOptions) {
    const faults = new Set(options.services.map(({ fault }) => fault))
    const left = options.open.all().filter(({ kind, fault }) => kind === 'wait' && faults.has(fault))
    // nobody knows whether they were told
    this.#outages = left.map((repair) => ({ repair, isRequested: false }))
    this.#up = new Gauge({
      name: 'meterchain_service_up',
      help: 'whether what the projector stands on is there',
      labelNames: ['service'],
      registers: [options.metrics],
    })
  }

  start(): void {
    this.#work = this.#run()
  }

  /** Waits for no answer any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#work
  }

  /** Not ready while something is away that is needed. */
  readiness(): Readiness {
    const away = this.options.services.flatMap(({ fault, isNeeded }) => (isNeeded ? this.#lasting(fault) : []))
    if (away.length === 0) return { ready: true }
    const told = away.map(({ repair: { subject, began } }) => `${subject} is away since ${new Date(began).toISOString()}`)
    return { ready: false, why: told.join(', ') }
  }

  #lasting(fault: string): Outage[] {
    return this.#outages.filter(({ repair, until }) => repair.fault === fault && until === undefined)
  }

  async #run(): Promise<void> {
    const { pauseMillis = PAUSE_MILLIS, services } = this.options
    while (!this.#stopping.signal.aborted) {
      await Promise.all(services.map((each) => this.#look(each)))
      void this.#tellAll()
      await untilOver(pauseMillis, this.#stopping.signal)
    }
  }

  async #look(service: Service): Promise<void> {
    const { subject, fault } = service
    const at = Date.now()
    const why = await this.#answer(service)
    if (this.#stopping.signal.aborted) return
    if (why === undefined) {
      this.#failed.delete(fault)
      for (const outage of this.#lasting(fault)) this.#isBack(outage, at)
    } else {
      const { since, looks } = this.#failed.get(fault) ?? { since: at, looks: 0 }
      this.#failed.set(fault, { since, looks: looks + 1 })
      if (looks + 1 === FAILED_LOOKS && this.#lasting(fault).length === 0) this.#isAway(service, since, why)
    }
    this.#up.set({ service: subject }, this.#lasting(fault).length === 0 ? 1 : 0)
  }

  /** Why it is away; undefined: it is there. */
  async #answer(service: Service): Promise<string | undefined> {
    const { answerMillis = ANSWER_MILLIS } = this.options
    const over = new AbortController()
    const end = () => over.abort()
    this.#stopping.signal.addEventListener('abort', end)
    const late = untilOver(answerMillis, over.signal).then(() => `it did not answer within ${answerMillis} ms`)
    const looked = service.look(over.signal).then(() => undefined, reasonOf)
    const why = await Promise.race([looked, late])
    this.#stopping.signal.removeEventListener('abort', end)
    over.abort()
    return why
  }

  #isAway({ subject, fault }: Service, since: number, why: string): void {
    const id = `wait/${fault}/${randomUUID()}`
    const repair = { id, kind: 'wait', lane: -1, subject, fault, by: 'projector', began: since, detail: why } as const
    this.#outages.push({ repair, isRequested: false })
    this.options.open.keep(repair)
    this.options.logger.warn({ service: subject, why }, 'a service is away; it is waited for')
  }

  #isBack(outage: Outage, at: number): void {
    outage.until = at
    const { subject, began } = outage.repair
    this.options.logger.info({ service: subject, awayMillis: at - began }, 'a service is back')
  }

  /** What can be told of them, once the broker is there. */
  async #tellAll(): Promise<void> {
    if (this.#isTelling || this.#lasting('broker-away').length > 0) return
    this.#isTelling = true
    try {
      for (const outage of [...this.#outages]) await this.#tell(outage)
    } catch (error) {
      this.options.logger.warn({ err: error }, 'an outage cannot be told yet')
    } finally {
      this.#isTelling = false
    }
  }

  async #tell(outage: Outage): Promise<void> {
    const { tell, open } = this.options
    const { began, detail, ...note } = outage.repair
    if (!outage.isRequested) await tell({ ...note, status: 'requested', at: began, tookMillis: null, range: null, detail })
    outage.isRequested = true
    if (outage.until === undefined) return
    const end = { status: 'completed', at: outage.until, tookMillis: Math.max(0, outage.until - began), range: null } as const
    await tell({ ...note, ...end, detail: `it is back, and what waited went on; it was away: ${detail}` })
    this.#outages.splice(this.#outages.indexOf(outage), 1)
    open.drop(note.id)
  }
}

/** Several, where each of several brokers was asked. */
function reasonOf(error: unknown): string {
  const { message, cause, errors = [] } = error as Error & { errors?: unknown[] }
  if (errors.length > 0) return [...new Set(errors.map(reasonOf))].join('; ')
  return cause instanceof Error ? `${message}: ${reasonOf(cause)}` : message || String(error)
}
