/** The projector's shell: final blocks in, rows out. It goes on where the database's cursors stand. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { Config } from '../infra/config.js'
import { startHealthServer } from '../infra/health.js'
import type { LogFault } from '../infra/kafka/log-fault.js'
import type { LogWriter } from '../infra/kafka/log-writer.js'
import type { SchemaIds } from '../infra/kafka/schema-ids.js'
import { createMetrics, type Metrics } from '../infra/metrics.js'
import type { RegistryFollower } from '../infra/registry/registry-follower.js'
import { OpenRepairs } from '../infra/repairs/open-repairs.js'
import { type TellRepair, ToldRepair, tellInto } from '../infra/repairs/repair-events.js'
import { type CarriedOut, carryOut } from '../infra/restore/carry-out.js'
import type { RestorableTopic } from '../infra/restore/restorable.js'
import { withPlans } from '../infra/restore/restore.js'
import type { TopicPlan } from '../infra/restore/restore-topic.js'
import type { Running } from '../infra/stage-runtime.js'
import { hex } from '../schemas/bytes.js'
import type { Signatures } from '../schemas/ed25519.js'
import { BugError } from '../schemas/errors.js'
import { faultOfCode } from '../schemas/faults.js'
import { kafkaSource } from './audit/kafka-source.js'
import type { CheckpointFoldOptions } from './checkpoints/fold.js'
import { CursorWatch } from './cursor-watch.js'
import { Database } from './database.js'
import { evidenceMetric } from './evidence-metric.js'
import { startFilling } from './fill.js'
import { kafkaFillSource } from './fill-source.js'
import { startQuery } from './query/start.js'
import { recover } from './recover.js'
import { type AuditMetrics, auditMetrics } from './repairs/audit-metrics.js'
import { ContinuousAudit } from './repairs/continuous-audit.js'
import { Replay } from './repairs/replay.js'
import { Restorer } from './repairs/restorer.js'
import { ServiceWatch } from './repairs/service-watch.js'
import { services } from './repairs/services.js'
import { SkippedGarbage } from './repairs/skipped-garbage.js'

export interface ProjectorDeps {
  readonly config: Config
  readonly logger: Logger
  readonly kafka: Kafka
  /** Started, and past the genesis. */
  readonly registry: RegistryFollower
  readonly signatures: Signatures
  /** PostgreSQL as the writer. */
  readonly databaseUrl: string
  /** Where the projector keeps how far the tables were. */
  readonly folder: string
  readonly writer: LogWriter
  readonly ids: SchemaIds
  /** Shortest time from one round of the audit to the next, milliseconds. Default: a minute. */
  readonly auditRoundMillis?: number
  onFatal(error: Error): void
}

export interface RunningProjector extends Running {
  readonly port: number
  /** Where the query API listens. */
  readonly queryPort: number
  /** Height in the tables, by lane. */
  heights(): Map<number, bigint>
  /** Resolves when all that was final in the log at the time of the call is in the tables. */
  caughtUp(deadlineMillis?: number): Promise<void>
}

export async function startProjector(given: ProjectorDeps): Promise<RunningProjector> {
  const { config, logger, registry } = given
  let isStopping = false
  const onFatal = (error: Error) => {
    if (isStopping) logger.warn({ err: error }, 'cut off by the end of the process; the next one goes on from here')
    else given.onFatal(error)
  }
  const deps = { ...given, onFatal }
  const connections = registry.state.lanes + 4
  const database = new Database({ url: deps.databaseUrl, logger, connections })
  const metrics = createMetrics('projector')
  const open = new OpenRepairs(deps.folder, logger)
  const tellAny = tellInto({ ...deps, metrics: metrics.registry })
  const watch = new ServiceWatch({
    ...{ open, tell: tellAny, logger, metrics: metrics.registry },
    services: services({ config, databaseUrl: deps.databaseUrl, isDiskFull: () => database.isDiskFull }),
  })
  // from the first moment on: the database may be away now
  watch.start()
  try {
    return await startWatched(deps, { database, metrics, open, tellAny, watch, end: () => (isStopping = true) })
  } catch (error) {
    await watch.stop()
    throw error
  }
}

interface Watched {
  readonly database: Database
  readonly metrics: Metrics
  readonly open: OpenRepairs
  readonly tellAny: TellRepair
  readonly watch: ServiceWatch
  /** What fails from now on is cut off. */
  end(): void
}

async function startWatched(
  deps: ProjectorDeps,
  { database, metrics, open, tellAny, watch, end }: Watched,
): Promise<RunningProjector> {
  const { config, logger, registry, onFatal } = deps
  const recovered = await recover(database, registry.state)
  await open.endCutOff('reproject', tellAny)
  const tell = open.through(tellAny, 'reproject')
  for (const lane of recovered.mended) await tellMended(lane, tell)
  const noteEvidence = await evidenceMetric(metrics.registry, database)
  const restorer = new Restorer({
    ...{ isOn: config.restore, tell, logger, database },
    restore: (topic) => restoreFromTables(topic, deps),
  })
  const onLogFault = (fault: LogFault) => void restorer.found(fault)
  const garbage = new SkippedGarbage({ tell: tellAny, logger })
  const replay = new Replay({ folder: deps.folder, chainId: hex(registry.state.chainId), tell })
  await replay.begin(new Map([...recovered.positions].map(([lane, { final }]) => [lane, final.height])))
  const hasTables = () => (database.trouble === undefined ? { ready: true } : { ready: false, why: database.trouble })
  const isReady = () => (database.trouble === undefined ? watch.readiness() : hasTables())
  const health = await startHealthServer({ host: config.host, port: config.projectorPort, metrics, isReady })
  const query = await startQuery({ ...deps, registry: registry.state, metrics, isReady: hasTables })
  const filling = await startFilling(
    {
      source: kafkaFillSource({ ...deps, groupPrefix: 'meterchain-projector' }),
      ...{ database, onLogFault, onFatal },
      onTaken: (lane, waiting, lag) => {
        metrics.queueDepth.set({ queue: `blocks-${lane}` }, waiting)
        metrics.lag.set({ topic: 'chain', partition: lane }, lag)
      },
      onWritten: ({ blocks }) => {
        for (const block of blocks) {
          measure(metrics, block)
          noteEvidence(block.evidence)
        }
      },
      onEvidence: noteEvidence,
      onGarbage: (found) => garbage.found(found),
      onRepairs: (records) => restorer.takeRepairs(records),
      isRegained: (fault) => (config.restore ? restorer.regain(fault) : isWholeIn('checkpoints', deps)),
    },
    recovered,
  )
  const { heights, caughtUp } = filling
  await restorer.start()
  const cursorWatch = new CursorWatch(database, filling.places, () => replay.reached(heights()), onFatal)
  cursorWatch.start()
  const audit = startAudit(deps, auditMetrics(metrics.registry), tell, restorer)
  logger.info({ port: health.port, queryPort: query.port, lanes: recovered.positions.size }, 'projecting')
  return {
    port: health.port,
    queryPort: query.port,
    heights,
    caughtUp,
    stop: async () => {
      end()
      database.endPatience()
      await Promise.all([query.stop(), audit.stop(), watch.stop(), cursorWatch.stop(), restorer.stop()])
      await filling.stop()
      await garbage.stop()
      await health.stop()
      await database.close()
    },
  }
}

const foldOptions = ({ registry, signatures, config }: ProjectorDeps): CheckpointFoldOptions => ({
  ...{ registry: registry.state, verify: signatures.verify, witnesses: config.witnesses },
})

/** As `meterchain restore` does it, by appending alone. */
async function restoreFromTables(topic: RestorableTopic, deps: ProjectorDeps): Promise<CarriedOut> {
  return withPlanOf(topic, deps, (plan) => carryOut(plan, false))
}

/** Whether a reader with nothing else in hand comes to all that the tables hold. */
const isWholeIn = (topic: RestorableTopic, deps: ProjectorDeps) => withPlanOf(topic, deps, async (plan) => plan.isWhole)

async function withPlanOf<T>(topic: RestorableTopic, deps: ProjectorDeps, use: (plan: TopicPlan) => Promise<T>): Promise<T> {
  const { kafka, config, logger, writer, ids, signatures, registry, databaseUrl } = deps
  const restoring = { kafka, config, logger, writer, ids, verify: signatures.verify, onAppended: () => undefined }
  const source = { replicaUrl: databaseUrl, chainId: registry.state.chainId, topics: [topic] }
  const done: T[] = await withPlans(source, restoring, use)
  const [first] = done
  if (first === undefined) throw new BugError(`there was no plan to restore ${topic}`)
  return first
}

function startAudit(deps: ProjectorDeps, metrics: AuditMetrics, tell: TellRepair, restorer: Restorer): ContinuousAudit {
  const { config, kafka, registry, logger, auditRoundMillis } = deps
  const registryReached = (size: number, millis: number) => registry.reach(size, millis)
  const onMissed = (err: Error) => logger.warn({ err }, 'PostgreSQL is away; the next round of the audit sees the damage again')
  const audit = new ContinuousAudit({
    ...{ ...foldOptions(deps), source: kafkaSource(kafka, config, (damage) => void restorer.damaged(damage).catch(onMissed)) },
    ...{ databaseUrl: deps.databaseUrl, rowsPerSecond: config.auditRowsPerSecond, logger },
    ...{ metrics, healing: { tell, by: 'projector', registryReached } },
    onLost: (fault) => void restorer.found(fault),
    isRestored: () => isWholeIn('checkpoints', deps),
    ...(auditRoundMillis !== undefined && { roundMillis: auditRoundMillis }),
  })
  audit.start()
  return audit
}

async function tellMended(lane: number, tell: TellRepair): Promise<void> {
  const told = new ToldRepair(
    { kind: 'reproject', lane, subject: 'cursor of chain', fault: 'rows-differ', by: 'projector' },
    tell,
  )
  await told.requested('the cursor contradicted the row of its block')
  await told.ended('completed', 'the cursor is as the row of its block has it')
}

function measure(metrics: Metrics, { notCounted, block, timestamp }: Finalized): void {
  metrics.readings.inc({ outcome: 'counted' }, block.entries.length - notCounted.length)
  for (const { code } of notCounted) metrics.readings.inc({ outcome: faultOfCode(code)?.name ?? `code-${code}` })
  metrics.timeToVisible.observe(Math.max(0, Date.now() - timestamp) / 1000)
}
