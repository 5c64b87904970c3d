/** What every stage is built on: logger, Kafka, the registry's fold, a writer, schema ids; and the life of its process. */
import { join } from 'node:path'
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import type { Signatures } from '../schemas/ed25519.js'
import type { Repair } from '../schemas/records.js'
import { type Config, loadConfig } from './config.js'
import { selfTest, sodiumSignatures } from './crypto/sodium.js'
import { createKafka } from './kafka/client.js'
import type { LogFault } from './kafka/log-fault.js'
import { LogWriter } from './kafka/log-writer.js'
import { registerSchemas, type SchemaIds } from './kafka/schema-ids.js'
import { checkTopics, TopicMismatchError } from './kafka/topics.js'
import { type AuthorityKey, loadKeyFile } from './keys.js'
import { createLogger } from './log.js'
import { RegistryFollower } from './registry/registry-follower.js'
import { tellInto } from './repairs/repair-events.js'
import { TopicRefusal } from './repairs/topic-refusal.js'
import { RestoreRequests } from './restore/requests.js'
import type { Stage } from './stage.js'

export interface Runtime {
  readonly config: Config
  readonly logger: Logger
  readonly kafka: Kafka
  readonly registry: RegistryFollower
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly signatures: Signatures
  /** The stage's own folder, of derived state alone. */
  readonly folder: string
  /** The process cannot go on: it logs and exits, and its supervisor starts it from the log. */
  onFatal(error: Error): void
  /** A log has lost records: it is told in topic repairs, for whoever has a replica. Never rejects. */
  onLogFault?(fault: LogFault): Promise<void>
}

export interface Running {
  stop(): Promise<void>
}

/** Where the authority's key is: METERCHAIN_KEY_FILE, else <home>/keys/<authority>.json. */
export function keyFileOf(config: Config): string {
  return config.keyFile === '' ? join(config.home, 'keys', `${config.authority}.json`) : config.keyFile
}

export function loadAuthorityKey(config: Config): Promise<AuthorityKey> {
  return loadKeyFile(keyFileOf(config))
}

interface Named {
  readonly name: string
  readonly signs: boolean
}

const folderOf = ({ name, signs }: Named, { home, authority }: Config): string =>
  join(home, 'state', signs ? `${name}-${authority}` : name)

/** Opens all that a stage needs, and folds the registry to its present end: its genesis is there afterwards. */
export async function openRuntime(
  stage: Named,
  config: Config,
  logger: Logger,
  onFatal: (error: Error) => void,
): Promise<Runtime & Running> {
  const kafka = createKafka(config, logger)
  await checkTopics(kafka, config)
  const folder = folderOf(stage, config)
  const signatures = sodiumSignatures
  const writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  const registering = registerSchemas(config, logger)
  const requests = new RestoreRequests({
    by: config.authority,
    logger,
    tell: async (event) => tellInto({ writer, ids: await registering })(event),
  })
  const onLogFault = (fault: LogFault) => requests.found(fault)
  const registry = await RegistryFollower.open({
    kafka,
    config,
    path: join(folder, 'registry'),
    logger,
    signatures,
    onFailure: onFatal,
    onLogFault,
  })
  const stop = async () => {
    await registry.close()
    await requests.settled()
    await writer.disconnect()
  }
  const opening = [registering, writer.connect(), registry.start()] as const
  const ids = await Promise.all(opening)
    .then(async ([registered]) => {
      await registry.caughtUp()
      return registered
    })
    .catch(async (error: unknown) => {
      // what begins while another fails is let finish: only then can it be closed
      await Promise.allSettled(opening)
      await stop()
      throw error
    })
  return { config, logger, kafka, registry, writer, ids, signatures, folder, onFatal, onLogFault, stop }
}

/** Tells what keeps a stage from being started: without its writer. */
async function tellAlone(event: Repair, config: Config, logger: Logger): Promise<void> {
  const writer = new LogWriter({ kafka: createKafka(config, logger), topicPrefix: config.topicPrefix, logger })
  try {
    await writer.connect()
    await tellInto({ writer, ids: await registerSchemas(config, logger) })(event)
  } finally {
    await writer.disconnect()
  }
}

/** How long a clean shutdown may take before the process ends all the same, milliseconds. */
const SHUTDOWN_MILLIS = 14_000

/** The process of a stage, from its environment to its exit code: 0 after SIGTERM or SIGINT, 1 after an error. */
export async function runProcess(stage: Stage, start: (runtime: Runtime) => Promise<Running>): Promise<void> {
  selfTest(sodiumSignatures)
  const config = loadConfig()
  const logger = createLogger(stage.name, config.logLevel)
  const exit = (code: number) => {
    logger.flush()
    process.exit(code)
  }
  const onFatal = (error: Error) => {
    logger.fatal({ err: error }, 'the stage cannot go on; it is to be started again')
    exit(1)
  }
  process.on('uncaughtException', onFatal)
  process.on('unhandledRejection', (reason) => onFatal(reason instanceof Error ? reason : new Error(String(reason))))
  const refusal = new TopicRefusal(folderOf(stage, config), logger)
  const runtime = await openRuntime(stage, config, logger, onFatal).catch(async (error: unknown) => {
    if (error instanceof TopicMismatchError) await refusal.refused(error, (event) => tellAlone(event, config, logger))
    throw error
  })
  await refusal.isOver(tellInto(runtime))
  const running = await start(runtime)
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    logger.info('stopping')
    const tooLate = () => onFatal(new Error(`shutdown took longer than ${SHUTDOWN_MILLIS} ms`))
    const timer = setTimeout(tooLate, SHUTDOWN_MILLIS)
    running
      .stop()
      .then(() => runtime.stop())
      .then(() => exit(0), onFatal)
      .finally(() => clearTimeout(timer))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
