// Authorities of one ledger on a real broker, their chainers and validators in this process: started, stopped and looked at one by one.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admin } from 'kafkajs'
import pino from 'pino'
import { startChainer } from '../../chainer/run.js'
import { chainerStage } from '../../chainer/stage.js'
import { blockHash } from '../../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import { type MeterState, NEW_METER } from '../../schemas/meter-chain.js'
import {
  type EnrolledMeter,
  type EventContent,
  encodeHeader,
  encodeRegistryEvent,
  type Header,
  joinEntries,
} from '../../schemas/records.js'
import { startValidator } from '../../validator/run.js'
import { validatorStage } from '../../validator/stage.js'
import type { Finalized, LanePosition } from '../chain/lane-reader.js'
import { MeterStates } from '../chain/meter-states.js'
import { sealBlock } from '../chain/sign-records.js'
import { type Config, loadConfig } from '../config.js'
import { createKafka } from '../kafka/client.js'
import { LogWriter } from '../kafka/log-writer.js'
import { deleteTopics, ensureTopics } from '../kafka/topics.js'
import type { AuthorityKey } from '../keys.js'
import type { TopicName } from '../stage.js'
import { openRuntime, type Running, type Runtime } from '../stage-runtime.js'
import { LaneLook, type LaneSeen } from './lane-look.js'
import { type TestRegistry, type TestRegistryPlan, testAuthorityKey, testEvent, testRegistry } from './registry.js'
import { SignedMeter } from './signed-meters.js'
import { until } from './until.js'

const logger = pino({ level: process.env.METERCHAIN_TEST_LOG_LEVEL ?? 'silent' })
const DEADLINE_MILLIS = 30_000

export type StageName = 'chainer' | 'validator'
interface RunningStage {
  readonly port: number
  stop(): Promise<void>
}

export class Authorities {
  readonly home = mkdtempSync(join(tmpdir(), 'authorities-'))
  readonly ledger: TestRegistry
  /** What each stage said it cannot go on for, by `chainer-1` and so on. */
  readonly fatal: { stage: string; error: Error }[] = []
  /** Keys that take the place of the present ones, by authority: stages that are started then hold both. */
  readonly nextKeys = new Map<number, AuthorityKey>()
  readonly config: Config
  readonly kafka: ReturnType<typeof createKafka>
  readonly writer: LogWriter
  private readonly admin: Admin
  private readonly running = new Map<string, RunningStage>()
  private written = 0

  private constructor(
    plan: TestRegistryPlan,
    private readonly settings: Readonly<Record<string, string>>,
  ) {
    this.ledger = testRegistry(plan)
    this.config = this.configOf(1)
    this.kafka = createKafka(this.config, logger)
    this.writer = new LogWriter({ kafka: this.kafka, topicPrefix: this.config.topicPrefix, logger })
    this.admin = this.kafka.admin()
  }

  /** A ledger with topics of its own; its registry is written, nothing runs yet. */
  static async open(plan: TestRegistryPlan, settings: Readonly<Record<string, string>> = {}): Promise<Authorities> {
    const prefix = { METERCHAIN_TOPIC_PREFIX: `test-authorities-${randomBytes(5).toString('hex')}.` }
    const opened = new Authorities(plan, { ...prefix, METERCHAIN_LANES: String(plan.lanes ?? 4), ...settings })
    await ensureTopics(opened.kafka, opened.config)
    await Promise.all([opened.writer.connect(), opened.admin.connect()])
    await opened.writeRegistry()
    return opened
  }

  async close(): Promise<void> {
    await Promise.all([...this.running.keys()].map((name) => this.stopStage(name)))
    await Promise.all([this.writer.disconnect(), this.admin.disconnect()])
    await deleteTopics(this.kafka, this.config)
    rmSync(this.home, { recursive: true })
  }

  private configOf(authority: number, settings: Readonly<Record<string, string>> = {}): Config {
    return loadConfig({
      METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092',
      METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '',
      METERCHAIN_HOME: join(this.home, String(authority)),
      METERCHAIN_AUTHORITY: `authority-${authority}`,
      METERCHAIN_CHAINER_PORT: '0',
      METERCHAIN_VALIDATOR_PORT: '0',
      METERCHAIN_BLOCK_MILLIS: '50',
      METERCHAIN_WIGGLE_MILLIS: '300',
      ...this.settings,
      ...settings,
    })
  }

  /** Where a validator keeps the meters' states; `name` is that of a second one of the same authority. */
  statesOf(authority: number, name = String(authority)): string {
    return join(this.home, name, 'state', `validator-authority-${authority}`, 'meters')
  }

  /** `name` tells a second one of the same authority apart: it has a home of its own. */
  async start(stage: StageName, authority = 1, name = `${stage}-${authority}`, settings = {}): Promise<RunningStage> {
    const onFatal = (error: Error) => void this.fatal.push({ stage: name, error })
    const runtime = await openRuntime(
      stage === 'chainer' ? chainerStage : validatorStage,
      {
        ...this.configOf(authority, settings),
        home: join(this.home, name === `${stage}-${authority}` ? String(authority) : name),
      },
      logger,
      onFatal,
    )
    const key = testAuthorityKey(`authority-${authority}`)
    const deps = { ...runtime, key, nextKey: this.nextKeys.get(authority) }
    const started = await (stage === 'chainer' ? startChainer : startValidator)(deps).catch(async (error) => {
      await runtime.stop()
      throw error
    })
    const stop = async () => {
      await started.stop()
      await runtime.stop()
    }
    const running = { port: started.port, stop }
    this.running.set(name, running)
    return running
  }

  stop(stage: StageName, authority = 1): Promise<void> {
    return this.stopStage(`${stage}-${authority}`)
  }

  async stopStage(name: string): Promise<void> {
    const stage = this.running.get(name)
    this.running.delete(name)
    await stage?.stop()
  }

  /** What a stage stands on, with a home of its own, for whatever a test runs beside the stages. */
  open(name: string): Promise<Runtime & Running> {
    const config = { ...this.config, home: join(this.home, name) }
    return openRuntime({ name, signs: false }, config, logger, (error) => void this.fatal.push({ stage: name, error }))
  }

  meter(id: string): SignedMeter {
    return new SignedMeter(id, this.ledger.chainId)
  }

  /** Appends entries as one record of `readings`, and gives its offset. */
  send(lane: number, entries: readonly Buffer[]): Promise<bigint> {
    return this.append('readings', lane, joinEntries(entries))
  }

  append(topic: TopicName, partition: number, value: Buffer): Promise<bigint> {
    return this.writer.append(topic, partition, [{ value }])
  }

  /** An event that counts, signed by all authorities. */
  async submit(content: EventContent, meters: readonly EnrolledMeter[] = []): Promise<void> {
    const { state, authorityKeys } = this.ledger
    const event = testEvent(state, content, authorityKeys, meters)
    const applied = state.apply(event)
    if (!applied.counted) throw new Error(applied.reason)
    this.written = state.size
    await this.append('registry', 0, encodeRegistryEvent(event))
  }

  private async writeRegistry(): Promise<void> {
    const { state } = this.ledger
    for (; this.written < state.size; this.written++)
      await this.append('registry', 0, state.store.eventBytes(this.written) ?? Buffer.alloc(0))
  }

  /** Seals a child of the lane's newest final block as `authority`, with whatever `changes` say, and appends it. */
  async seal(lane: number, authority: number, changes: Partial<Header> & { entries?: readonly Buffer[] }): Promise<Buffer> {
    const { entries = [], ...header } = changes
    const { state, chainId } = this.ledger
    const { final } = (await this.read(lane)).state
    const key = testAuthorityKey(`authority-${authority}`)
    const made: Header = {
      ...{
        lane,
        height: final.height + 1n,
        previous: final.hash,
        root: merkleRoot(entries.map(leafHash)),
        count: entries.length,
      },
      ...{ sourceEpoch: final.sourceEpoch, firstOffset: final.lastOffset + 1n, lastOffset: final.lastOffset },
      ...{ registrySize: state.size, registryRoot: state.root, sealedAt: Date.now(), proposer: key.id, attempt: 0 },
      ...header,
    }
    await this.append('chain', lane, sealBlock(chainId, made, entries, key))
    return blockHash(encodeHeader(made))
  }

  /** The lane's fold over the whole log, what it made final, and what became of each record. */
  read(lane: number): Promise<LaneSeen> {
    return this.lookAt(lane).look()
  }

  /** For whoever waits for something in a lane. */
  lookAt(lane: number): LaneLook {
    const { kafka, admin, ledger } = this
    return new LaneLook({ kafka, admin, ledger, lane, topicPrefix: this.config.topicPrefix })
  }

  /** Waits until final blocks cover `offset` of the lane's readings, and gives them all. */
  untilCovered(lane: number, offset: bigint): Promise<Finalized[]> {
    return this.untilFinal(lane, `offset ${offset} of lane ${lane} in a final block`, ({ lastOffset }) => lastOffset >= offset)
  }

  untilFinal(lane: number, what: string, isMet: (newest: Header) => boolean): Promise<Finalized[]> {
    const waiting = this.lookAt(lane)
    const look = async () => {
      const { finals } = await waiting.look()
      const newest = finals.at(-1)
      return newest !== undefined && isMet(newest.header) && finals
    }
    return until(what, DEADLINE_MILLIS, look, async () => [this.fatal, (await waiting.look()).outcomes.slice(-20)])
  }

  /** What a validator that is stopped has kept: of each lane its position, of each meter its state. */
  async kept(
    authority: number,
    meters: readonly string[],
  ): Promise<{ positions: (LanePosition | undefined)[]; states: MeterState[] }> {
    const states = MeterStates.open(this.statesOf(authority), this.ledger.chainId)
    try {
      const positions = Array.from({ length: this.ledger.state.lanes }, (_, lane) => states.position(lane))
      return { positions, states: meters.map((meter) => states.get(meter) ?? NEW_METER) }
    } finally {
      await states.close()
    }
  }

  /** Waits until a running stage says that it has read its lanes to their ends. */
  async untilReady(stage: StageName, authority = 1): Promise<void> {
    const port = this.running.get(`${stage}-${authority}`)?.port
    const look = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok
    await until(`${stage} ${authority} ready`, DEADLINE_MILLIS, look)
  }
}
