/** Whoever misses records in a topic tells so in topic `repairs`: the projector reads it, and has a replica. */
import type { Logger } from 'pino'
import type { Repair } from '../../schemas/records.js'
import type { LogFault } from '../kafka/log-fault.js'
import { RESTORABLE, type RestorableTopic } from './restorable.js'

/** All who miss the same records tell under one id, so that their events are one repair. */
export const restoreId = ({ topic, partition, fault, from }: Pick<LogFault, 'topic' | 'partition' | 'fault' | 'from'>): string =>
  `restore/${topic}/${partition}/${fault}/${from}`

/** The topic that an id of ours asks to restore; undefined: it is somebody else's, who restores it himself, or nobody's. */
export function topicOfId(id: string): RestorableTopic | undefined {
  const [, topic] = /^restore\/([a-z]+)\/\d{1,5}\/records-(?:damaged|lost)\/\d{1,19}$/.exec(id) ?? []
  return RESTORABLE.find((each) => each === topic)
}

/** The same is not told again before that, and of all no more than so many: a disk may be damaged everywhere. */
const AGAIN_MILLIS = 3_600_000
const MOST_TOLD = 50

export interface RestoreRequestsOptions {
  /** In whose name. */
  readonly by: string
  readonly logger: Logger
  tell(event: Repair): Promise<void>
}

export class RestoreRequests {
  /** When it was told, by id. */
  private readonly told = new Map<string, number>()
  private readonly underWay = new Set<Promise<void>>()

  constructor(private readonly options: RestoreRequestsOptions) {}

  /** Tells that it is missed; of a topic that no replica has, nothing. Resolves when it is told, or cannot be: that is logged, and
   *  whoever comes next will find it too. */
  async found(fault: LogFault): Promise<void> {
    if (!this.isNews(fault)) return
    const event = this.event(fault, Date.now())
    const { logger, tell } = this.options
    const telling = tell(event).catch((error: Error) => {
      this.told.delete(event.id)
      logger.warn({ err: error, id: event.id }, 'it could not be told that records are missed')
    })
    this.underWay.add(telling)
    await telling
    this.underWay.delete(telling)
  }

  /** Resolves when nothing is being told. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay)
  }

  /** Whether it would be told. */
  isNews(fault: LogFault): boolean {
    const id = restoreId(fault)
    for (const [each, at] of this.told) if (Date.now() - at >= AGAIN_MILLIS) this.told.delete(each)
    return topicOfId(id) !== undefined && !this.told.has(id) && this.told.size < MOST_TOLD
  }

  private event(fault: LogFault, now: number): Repair {
    const id = restoreId(fault)
    this.told.set(id, now)
    return {
      ...{ id, kind: 'restore', lane: fault.topic === 'chain' ? fault.partition : -1, subject: `topic ${fault.topic}` },
      ...{ fault: fault.fault, status: 'requested', by: this.options.by, at: now, tookMillis: null, range: null },
      detail: fault.detail,
    }
  }
}
