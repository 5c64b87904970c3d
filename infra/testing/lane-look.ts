/** One lane of a ledger under test as its log has it, looked at again and again: each look reads only what is new. */
import type { Admin, Kafka } from 'kafkajs'
import { type Finalized, LaneReader, laneRules } from '../chain/lane-reader.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { offsetRanges, readLog } from '../kafka/log-reader.js'
import type { TestRegistry } from './registry.js'

export interface LaneSeen {
  /** What the lane's fold made final, from its start. */
  readonly finals: Finalized[]
  /** What became of each record. */
  readonly outcomes: string[]
  readonly state: LaneReader['state']
}

interface LaneLookOptions {
  readonly kafka: Kafka
  /** Connected. */
  readonly admin: Admin
  readonly topicPrefix: string
  readonly ledger: TestRegistry
  readonly lane: number
}

export class LaneLook {
  #read: { reader: LaneReader; finals: Finalized[]; outcomes: string[]; next: bigint; registrySize: number }

  constructor(private readonly options: LaneLookOptions) {
    this.#read = this.#fromStart()
  }

  /** From its start again where the log has become shorter, or where the ledger that blocks are judged by has grown. */
  async look(): Promise<LaneSeen> {
    const { kafka, admin, topicPrefix, ledger, lane } = this.options
    const end = (await offsetRanges(admin, `${topicPrefix}chain`)).get(lane)?.high ?? 0n
    if (end < this.#read.next || ledger.state.size !== this.#read.registrySize) this.#read = this.#fromStart()
    const read = this.#read
    const part = { topicPrefix, topic: 'chain', partition: lane, from: read.next, until: end } as const
    for await (const record of readLog({ kafka, ...part })) {
      const { outcome, finalized } = read.reader.take(record)
      read.outcomes.push(outcome.kind === 'skipped' ? outcome.reason : outcome.kind)
      if (finalized !== undefined) read.finals.push(finalized)
    }
    read.next = end
    return { finals: [...read.finals], outcomes: [...read.outcomes], state: read.reader.state }
  }

  #fromStart() {
    const { ledger, lane } = this.options
    const reader = new LaneReader(lane, laneRules(ledger.state, sodiumSignatures.verify), undefined)
    return { reader, finals: [], outcomes: [], next: 0n, registrySize: ledger.state.size }
  }
}
