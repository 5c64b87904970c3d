/** Writes a data set into tables as the projector would: signed readings in blocks that authorities made final, by its own rows and
 *  writers. What is left out is Kafka, and judging. */
import pino from 'pino'
import { Database } from '../../../projector/database.js'
import { LaneWriter } from '../../../projector/lane-writer.js'
import { recover } from '../../../projector/recover.js'
import { RegistryRows } from '../../../projector/registry-rows.js'
import { ENTRY_FAULTS } from '../../../schemas/faults.js'
import { laneOf } from '../../../schemas/murmur2.js'
import type { NotCounted } from '../../../schemas/records.js'
import { TestLane } from '../final-blocks.js'
import { applyEvent, enrolTestMeters, type TestRegistry, testKeyPair, testRegistry } from '../registry.js'
import { SignedMeter } from '../signed-meters.js'
import type { Batch, DataSet, PlannedMessage, PlannedMeter } from './data-set.js'

const LANES = 4
const AUTHORITIES = 4
const CONNECTIONS = 4

/** Into an empty database that is migrated. `onBatch` is told the time that each batch became final. */
export async function writeData(databaseUrl: string, data: DataSet, onBatch?: (finalAt: number) => void): Promise<void> {
  const registry = registryOf(data.meters)
  const database = new Database({ url: databaseUrl, logger: pino({ level: 'silent' }), connections: CONNECTIONS })
  try {
    const { registrySize } = await recover(database, registry.state)
    const rows = new RegistryRows(registry.state, database, registrySize)
    await rows.reach(registry.state.size)
    const lanes = Array.from({ length: LANES }, (_, lane) => new WrittenLane(registry, database, lane))
    const meters = new Map<string, SignedMeter>()
    for (const batch of data.batches()) {
      await Promise.all(lanes.map((lane) => lane.write(batch, meters)))
      onBatch?.(batch.finalAt)
    }
    await Promise.all(lanes.map((lane) => lane.idle()))
    await database.pool.query('ANALYZE')
  } finally {
    await database.close()
  }
}

function registryOf(meters: readonly PlannedMeter[]): TestRegistry {
  const registry = testRegistry({ authorities: AUTHORITIES, lanes: LANES })
  const signers = registry.authorityKeys.slice(0, 1)
  const enrolled = meters.map(({ meter, signer, usagePoint }) => {
    return { meter, signer, usagePoint, key: testKeyPair(meter).publicKey }
  })
  enrolTestMeters(registry.state, signers, enrolled)
  for (const { meter, moves = [] } of meters)
    for (const move of moves) applyEvent(registry.state, { kind: 'AssignUsagePoint', meter, ...move }, signers)
  return registry
}

class WrittenLane {
  readonly #sealed: TestLane
  readonly #writer: LaneWriter
  #failure: Error | undefined

  constructor(
    private readonly registry: TestRegistry,
    database: Database,
    private readonly lane: number,
  ) {
    this.#sealed = new TestLane(registry, lane)
    this.#writer = new LaneWriter({
      ...{ lane, height: 0n, database, registryReached: async () => undefined, onWritten: () => undefined },
      numberOf: (meter, size) => registry.state.meterAt(meter, size)?.ordinal,
      onFailure: (error) => {
        this.#failure = error
      },
    })
  }

  async write({ finalAt, messages }: Batch, meters: Map<string, SignedMeter>): Promise<void> {
    const own = messages.filter(({ meter }) => laneOf(meter, LANES) === this.lane)
    if (own.length === 0) return
    const notCounted = own.flatMap(({ fault }, entry): NotCounted[] => {
      const known = ENTRY_FAULTS.find(({ name }) => name === fault)
      return known === undefined ? [] : [{ entry, code: known.code }]
    })
    const entries = own.map((message) => this.#entry(message, meters))
    await this.#writer.take(this.#sealed.finalize(entries, notCounted, finalAt))
    // nobody reads the log here: a year of a fleet would not fit
    this.#sealed.log.length = 0
    if (this.#failure !== undefined) throw this.#failure
  }

  async idle(): Promise<void> {
    await this.#writer.idle()
    if (this.#failure !== undefined) throw this.#failure
  }

  #entry({ meter: id, content, fault }: PlannedMessage, meters: Map<string, SignedMeter>): Buffer {
    const meter = meters.get(id) ?? new SignedMeter(id, this.registry.chainId)
    meters.set(id, meter)
    const { sentAt, profiles, registers = [], revises = null } = content
    const reading = { sentAt, profiles: [...profiles], registers: [...registers], revises }
    if (fault === undefined) return meter.next(reading)
    // what does not count takes no sequence: the next message has it
    const { sequence, previous } = meter
    const entry = meter.next(reading)
    Object.assign(meter, { sequence, previous })
    if (fault === 'bad-signature') entry.writeUInt8(entry.readUInt8(entry.length - 1) ^ 1, entry.length - 1)
    return entry
  }
}
