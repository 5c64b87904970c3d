/** A chain of one lane with tariffs, made in memory and written into tables by the projector's own writers: for tests of bills. */

import { CheckpointFold, noRows } from '../../projector/checkpoints/fold.js'
import { foldRecord, writeCheckpoints } from '../../projector/checkpoints/tables.js'
import type { Database } from '../../projector/database.js'
import { LaneWriter } from '../../projector/lane-writer.js'
import { recover } from '../../projector/recover.js'
import { RegistryRows } from '../../projector/registry-rows.js'
import { checkpointLane } from '../../schemas/checkpoint/log.js'
import { checkpointMessage } from '../../schemas/checkpoint/note.js'
import {
  type EnrolledMeter,
  encodeCheckpointLeaf,
  encodeCosignature,
  type Reading,
  type UsagePoint,
} from '../../schemas/records.js'
import type { Finalized, LaneRecord } from '../chain/lane-reader.js'
import { sign, sodiumSignatures } from '../crypto/sodium.js'
import { TestLane } from './final-blocks.js'
import { applyEvent, enrolTestMeters, type TestRegistry, testKeyPair, testRegistry } from './registry.js'
import { SignedMeter } from './signed-meters.js'

/** Of a block: more would be refused by the door. */
const ENTRIES = 1_000

export class BilledChain {
  readonly registry: TestRegistry
  readonly blocks: Finalized[] = []
  /** Of topic `checkpoints`. */
  readonly #covering: LaneRecord[] = []
  readonly #lane: TestLane
  readonly #checkpoints: TestLane
  #covered = 0
  readonly #meters = new Map<string, SignedMeter>()
  #waiting: Buffer[] = []

  constructor() {
    this.registry = testRegistry({ lanes: 1 })
    this.#lane = new TestLane(this.registry, 0)
    this.#checkpoints = new TestLane(this.registry, checkpointLane(1))
  }

  /** Records of `chain`, as they would stand in the topic. */
  get log(): readonly Buffer[] {
    return this.#lane.log
  }

  enrol(meters: readonly { meter: string; usagePoint: UsagePoint }[]): void {
    const enrolled = meters.map(
      ({ meter, usagePoint }): EnrolledMeter => ({ meter, usagePoint, signer: 'device', key: testKeyPair(meter).publicKey }),
    )
    enrolTestMeters(this.registry.state, this.registry.authorityKeys, enrolled)
    for (const { meter } of enrolled) this.#meters.set(meter, new SignedMeter(meter, this.registry.chainId))
  }

  publish(plan: string, validFrom: number, document: object | string): void {
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    this.#apply({ kind: 'PublishTariff', plan, validFrom, document: text })
  }

  assign(meter: string, validFrom: number, usagePoint: UsagePoint): void {
    this.#apply({ kind: 'AssignUsagePoint', meter, validFrom, usagePoint })
  }

  /** The meter's next reading waits for the next block. */
  add(meter: string, changes: Pick<Reading, 'profiles' | 'registers' | 'revises' | 'sentAt'>): void {
    const signed = this.#meters.get(meter)
    if (signed === undefined) throw new Error(`${meter} is not enrolled`)
    this.#waiting.push(signed.next(changes))
    if (this.#waiting.length === ENTRIES) this.seal()
  }

  /** As `add`, but no block ever has it. */
  lose(meter: string, changes: Parameters<BilledChain['add']>[1]): void {
    this.add(meter, changes)
    this.#waiting.pop()
  }

  /** `finalAt`: milliseconds since 1970. */
  seal(finalAt?: number): void {
    this.blocks.push(this.#lane.finalize(this.#waiting, [], finalAt))
    this.#waiting = []
  }

  /** A checkpoint over all blocks, which all authorities sign. */
  async cover(): Promise<void> {
    const { state, chainId, authorityKeys } = this.registry
    const before = this.#checkpoints.log.length
    const uncovered = this.blocks.slice(this.#covered)
    this.#covered = this.blocks.length
    const entries = uncovered.map(({ header: { lane, height }, hash: block, verdictHash: verdict }) =>
      encodeCheckpointLeaf({ lane, height, block, verdict }),
    )
    this.#checkpoints.finalize(entries)
    this.#append(this.#checkpoints.log.slice(before))
    const head = await this.#fold(noRows())
    for (const { id: authority, secretKey } of authorityKeys) {
      const signature = sign(checkpointMessage(chainId, head, 0), secretKey)
      this.#append([encodeCosignature({ ...head, authority, timestamp: 0, signature })])
    }
    if (head.size !== this.blocks.length || state.lanes !== 1) throw new Error('the checkpoint does not cover all blocks')
  }

  #append(values: readonly Buffer[]): void {
    for (const value of values) this.#covering.push({ offset: BigInt(this.#covering.length), timestamp: Date.now(), value })
  }

  /** Of all records of `checkpoints`; gives the newest head. */
  async #fold(rows: ReturnType<typeof noRows>): Promise<{ size: number; root: Buffer }> {
    const { state } = this.registry
    const fold = new CheckpointFold({ registry: state, verify: sodiumSignatures.verify, witnesses: [] })
    for (const record of this.#covering) await foldRecord(fold, record, rows, async () => undefined)
    const [, size = 0, root = Buffer.alloc(0)] = rows.heads.at(-1) ?? []
    return { size, root }
  }

  /** All events and blocks that there are not yet in the tables. */
  async write(database: Database): Promise<void> {
    const { state } = this.registry
    const failures: Error[] = []
    const { positions, registrySize } = await recover(database, state)
    const rows = new RegistryRows(state, database, registrySize)
    const height = positions.get(0)?.final.height ?? 0n
    const writer = new LaneWriter({
      ...{ lane: 0, height, database, onWritten: () => undefined, onFailure: (error) => void failures.push(error) },
      numberOf: (meter, size) => state.meterAt(meter, size)?.ordinal,
      registryReached: (size) => rows.reach(size),
    })
    for (const block of this.blocks) if (block.header.height > height) await writer.take(block)
    await writer.idle()
    await rows.reach(state.size)
    if (failures[0] !== undefined) throw failures[0]
    const covered = noRows()
    await this.#fold(covered)
    await database.transaction(async (client) => {
      for (const table of ['checkpoints', 'checkpoint_leaves', 'checkpoint_nodes', 'checkpoint_signatures'])
        await client.query(`DELETE FROM store.${table}`)
      await writeCheckpoints(client, covered)
    })
  }

  #apply(content: Parameters<typeof applyEvent>[1]): void {
    const applied = applyEvent(this.registry.state, content, this.registry.authorityKeys)
    if (!applied.counted) throw new Error(applied.reason)
  }
}
