/** Looks every 2 s whether broker, PostgreSQL and schema registry are there, and tells each outage with its duration. The way back is to
 *  wait, which those do who need the service: nothing waits for the watch, and nothing that happens to it stops anybody. */
import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import type { Readiness } from '../../infra/health.js'
import type { OpenRepair, OpenRepairs } from '../../infra/repairs/open-repairs.js'
import type { TellRepair } from '../../infra/repairs/repair-events.js'
import type { Repair } from '../../schemas/records.js'
import { Outage } from './outage.js'
import { untilOver } from './pace.js'
import type { Service } from './services.js'

const PAUSE_MILLIS = 2_000
const ANSWER_MILLIS = 5_000
const STOP_MILLIS = 2_000

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

interface Watched {
  readonly service: Service
  readonly outage: Outage
  /** While it is away. */
  told: OpenRepair | undefined
}

export class ServiceWatch {
  readonly #watched: readonly Watched[]
  readonly #up: Gauge<'service'>
  readonly #stopping = new AbortController()
  /** Events that the log has not, in their order. */
  readonly #untold: Repair[] = []
  #isTelling = false
  #work: Promise<void> = Promise.resolve()

  constructor(private readonly options: ServiceWatchOptions) {
    this.#watched = options.services.map((service) => this.#takeUp(service))
    this.#up = new Gauge({
      name: 'meterchain_service_up',
      help: 'whether what the stage stands on answers',
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
    const over = new AbortController()
    const dropped = Promise.all(this.#watched.map(({ service }) => this.#drop(service)))
    await Promise.race([dropped, untilOver(STOP_MILLIS, over.signal)])
    over.abort()
  }

  /** Not ready while something is away that is needed; what is not needed is named. */
  readiness(): Readiness {
    const away = this.#watched.flatMap(({ service, told }) => (told === undefined ? [] : [{ ...service, since: told.began }]))
    if (away.length === 0) return { ready: true }
    const why = away.map(({ fault, since }) => `${fault} since ${new Date(since).toISOString()}`).join(', ')
    return { ready: !away.some(({ isNeeded }) => isNeeded), why }
  }

  /** What a life before this one began is told from its beginning: nobody knows whether it was. */
  #takeUp(service: Service): Watched {
    const kept = this.options.open.all().filter(({ kind, fault }) => kind === 'wait' && fault === service.fault)
    const told = kept.pop()
    for (const each of kept) this.#untold.push(eventOf(each, 'failed', Date.now(), 'cut off when projector ended'))
    if (told !== undefined) this.#untold.push(eventOf(told, 'requested', told.began, told.detail))
    return { service, told, outage: new Outage(service, told !== undefined) }
  }

  async #run(): Promise<void> {
    const { pauseMillis = PAUSE_MILLIS } = this.options
    while (!this.#stopping.signal.aborted) {
      await Promise.all(this.#watched.map((each) => this.#look(each)))
      void this.#tellAll()
      await untilOver(pauseMillis, this.#stopping.signal)
    }
  }

  async #look(watched: Watched): Promise<void> {
    const { service, outage } = watched
    const at = Date.now()
    const why = await this.#answer(service)
    if (this.#stopping.signal.aborted) return
    if (why !== undefined) void this.#drop(service)
    const change = outage.look(why === undefined, at)
    this.#up.set({ service: service.name }, outage.isAway ? 0 : 1)
    if (change?.kind === 'away') this.#went(watched, change.since, why ?? '')
    if (change?.kind === 'back') this.#cameBack(watched, change.until)
  }

  /** Why it does not answer; undefined: it does. */
  async #answer(service: Service): Promise<string | undefined> {
    const { answerMillis = ANSWER_MILLIS } = this.options
    const over = new AbortController()
    const end = () => over.abort()
    this.#stopping.signal.addEventListener('abort', end)
    const late = untilOver(answerMillis, over.signal)
    const looked = service.look().then(
      () => undefined,
      (error: unknown) => String(error instanceof Error ? error.message || error.name : error),
    )
    const why = await Promise.race([looked, late.then(() => `it did not answer within ${answerMillis} ms`)])
    this.#stopping.signal.removeEventListener('abort', end)
    over.abort()
    return why
  }

  async #drop(service: Service): Promise<void> {
    await service.drop().catch((error: Error) => {
      this.options.logger.debug({ err: error, service: service.name }, 'a look at a service left something behind')
    })
  }

  #went(watched: Watched, since: number, why: string): void {
    const { name, subject, fault } = watched.service
    const note = { kind: 'wait', lane: -1, subject, fault, by: 'projector' } as const
    const told = { ...note, id: `wait/${fault}/${randomUUID()}`, began: since, detail: why }
    watched.told = told
    this.options.open.keep(told)
    this.#untold.push(eventOf(told, 'requested', since, why))
    this.options.logger.warn({ service: name, why }, 'a service is away; it is waited for')
  }

  #cameBack(watched: Watched, until: number): void {
    const { told, service } = watched
    if (told === undefined) return
    watched.told = undefined
    this.#untold.push(eventOf(told, 'completed', until, `it is back, and all went on where it was. It was away: ${told.detail}`))
    this.options.logger.info({ service: service.name, awayMillis: until - told.began }, 'a service is back')
  }

  /** When the broker is there. */
  async #tellAll(): Promise<void> {
    if (this.#isTelling || this.#watched.some(({ service, outage }) => service.name === 'broker' && outage.isAway)) return
    this.#isTelling = true
    try {
      for (let event = this.#untold[0]; event !== undefined; event = this.#untold[0]) {
        await this.options.tell(event)
        this.#untold.shift()
        if (event.status !== 'requested') this.options.open.drop(event.id)
      }
    } catch (error) {
      this.options.logger.warn({ err: error }, 'an outage cannot be told yet')
    } finally {
      this.#isTelling = false
    }
  }
}

function eventOf({ began, ...note }: OpenRepair, status: Repair['status'], at: number, detail: string): Repair {
  const tookMillis = status === 'requested' ? null : Math.max(0, at - began)
  return { ...note, status, at, tookMillis, range: null, detail }
}
