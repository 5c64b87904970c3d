/** Fills some lanes in a thread of its own: reads, proves, projects and writes them, as one thread does all of them elsewhere. The
 *  registry is folded by the thread that started it; its store on disk is read here. */
import pino, { type Logger } from 'pino'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { createKafka } from '../../infra/kafka/client.js'
import { LmdbRegistryStore } from '../../infra/registry/lmdb-registry-store.js'
import { Calls, type Port } from '../../infra/threads/calls.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { Database } from '../database.js'
import { LaneFilling } from '../fill-lanes.js'
import { type ChainOptions, followKafkaChain, type KafkaLogs } from '../fill-source.js'
import { recover } from '../recover.js'
import type { SetPrefix } from '../schema-set.js'
import { laneDeps, type Wanted, type Written } from './lane-deps.js'

/** All plain data. */
export interface LaneTask extends Wanted {
  readonly logs: KafkaLogs
  readonly logLevel: string
  /** PostgreSQL as the writer. */
  readonly databaseUrl: string
  readonly set: SetPrefix
  readonly lanes: readonly number[]
}

/** What the thread that started it offers. */
export type ForLaneThread = {
  /** Resolves when so many events of the registry are folded, and their rows are in the tables. */
  registryReached(size: number): Promise<void>
  written(written: Written): void
  failed(message: string): void
}

/** What this thread offers. */
export type LaneThread = {
  /** Opens all that is needed; goes on where the cursors of its lanes stand. */
  start(task: LaneTask): Promise<void>
  caughtUp(deadlineMillis: number | undefined): Promise<void>
  stop(): Promise<void>
}

/** Answers to `LaneThread` over the port. */
export function serveLanes(port: Port): void {
  let begun: Begun | undefined
  const offer: LaneThread = {
    start: async (task) => {
      begun = begin(task, calls)
      await begun.start()
    },
    caughtUp: async (deadlineMillis) => begun?.caughtUp(deadlineMillis),
    stop: async () => begun?.stop(),
  }
  const calls = new Calls<ForLaneThread>(port, offer)
}

type Begun = Omit<LaneThread, 'start'> & { start(): Promise<void> }

function begin(task: LaneTask, calls: Calls<ForLaneThread>): Begun {
  const { logs, databaseUrl: url, set, lanes } = task
  const logger = pino({ level: task.logLevel })
  const store = new LmdbRegistryStore(logs.registryPath)
  const state = new RegistryState(store, sodiumSignatures)
  const database = new Database({ url, logger, connections: lanes.length + 1, set })
  let filling: LaneFilling | undefined
  return {
    start: async () => {
      filling = await fillingOf(task, { logger, state, database, calls, reach: reachBy(calls, store) })
      await filling.start()
    },
    caughtUp: async (deadlineMillis) => filling?.caughtUp(deadlineMillis),
    stop: async () => {
      database.endPatience()
      await filling?.stop()
      await database.close()
      await store.close()
    },
  }
}

type Reach = (size: number) => Promise<void>

/** What the other thread has folded is seen here once this store forgets what it remembers. */
function reachBy(calls: Calls<ForLaneThread>, store: LmdbRegistryStore): Reach {
  let reached = 0
  return async (size) => {
    if (size <= reached) return
    await calls.call('registryReached', size)
    store.refresh()
    reached = Math.max(reached, size)
  }
}

interface Means {
  readonly logger: Logger
  readonly state: RegistryState
  readonly database: Database
  readonly calls: Calls<ForLaneThread>
  readonly reach: Reach
}

async function fillingOf(task: LaneTask, { logger, state, database, calls, reach }: Means): Promise<LaneFilling> {
  const { logs, lanes } = task
  const onFatal = (error: Error) => void calls.call('failed', error.message)
  const logsHere = { ...logs, logger, kafka: createKafka(logs.config, logger), registry: { state, reach } }
  const source = {
    followChain: (options: ChainOptions) => followKafkaChain({ ...logsHere, signatures: sodiumSignatures }, options),
  }
  const recovered = await recover(database, state)
  return new LaneFilling(
    laneDeps({ source, database, onFatal }, state, task, (written) => void calls.call('written', written).catch(onFatal)),
    { numberOf: (meter, size) => state.meterAt(meter, size)?.ordinal, registryReached: reach },
    { ...recovered, positions: new Map([...recovered.positions].filter(([lane]) => lanes.includes(lane))) },
  )
}
