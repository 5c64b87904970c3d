/** The repair events of lanes whose readings were lost: the registry began a new source epoch, and a block took it up. All authorities
 *  tell under one id and by the times of the logs, so that their events are one repair. */
import type { Finalized } from '../infra/chain/lane-reader.js'
import { endOffsets, readLog } from '../infra/kafka/log-reader.js'
import type { Runtime } from '../infra/stage-runtime.js'
import { decodeRegistryEvent, type Repair } from '../schemas/records.js'

/** Newest records of `registry` among which a new epoch is looked for: whoever sees one begins again at once. */
const SEARCHED = 200n

export interface NewEpoch {
  readonly lane: number
  readonly epoch: number
  /** When the registry had it, milliseconds. */
  readonly since: number
}

export class Epochs {
  private readonly open = new Map<string, NewEpoch>()

  constructor(private readonly by: string) {}

  /** No block has taken it up yet. */
  requested(begun: NewEpoch): Repair {
    this.open.set(idOf(begun), begun)
    return this.event(
      begun,
      'requested',
      begun.since,
      `source epoch ${begun.epoch} began: its readings are read from their start`,
    )
  }

  /** A block became final. */
  settled({ lane, header, timestamp }: Pick<Finalized, 'lane' | 'header' | 'timestamp'>): Repair[] {
    const done = [...this.open.values()].filter((each) => each.lane === lane && each.epoch <= header.sourceEpoch)
    return done.map((each) => {
      this.open.delete(idOf(each))
      return this.event(each, 'completed', timestamp, `the block of height ${header.height} takes up source epoch ${each.epoch}`)
    })
  }

  private event(begun: NewEpoch, status: Repair['status'], at: number, detail: string): Repair {
    const tookMillis = status === 'requested' ? null : Math.max(0, at - begun.since)
    return {
      ...{ id: idOf(begun), kind: 'epoch', lane: begun.lane, subject: 'readings', fault: 'readings-lost', status },
      ...{ by: this.by, at, tookMillis, range: null, detail },
    }
  }
}

const idOf = ({ lane, epoch }: NewEpoch): string => `epoch/${lane}/${epoch}`

/** Epochs that the registry has and no final block yet. `behind`: by lane, the final block's epoch and the registry's. */
export async function findNewEpochs(
  { kafka, config, logger }: Pick<Runtime, 'kafka' | 'config' | 'logger'>,
  behind: ReadonlyMap<number, { final: number; registry: number }>,
): Promise<NewEpoch[]> {
  if (behind.size === 0) return []
  const { topicPrefix } = config
  const { low = 0n, high = 0n } = (await endOffsets(kafka, topicPrefix, 'registry')).get(0) ?? {}
  const from = high - SEARCHED > low ? high - SEARCHED : low
  const found = new Map<string, NewEpoch>()
  const log = readLog({ kafka, logger, topicPrefix, topic: 'registry', partition: 0, from, until: high })
  for await (const { timestamp, value } of log) {
    const content = decodeRegistryEvent(value)?.body.content
    if (content?.kind !== 'SetSourceEpoch') continue
    const { lane, epoch } = content
    const { final, registry } = behind.get(lane) ?? { final: 0, registry: -1 }
    const begun = { lane, epoch, since: timestamp }
    // of several records the first may be one that does not count: the last that stands before the block does
    if (epoch > final && epoch <= registry) found.set(idOf(begun), begun)
  }
  return [...found.values()]
}
