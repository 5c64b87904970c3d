import type { TopicName } from '../stage.js'
import type { LogDamage } from './log-reader.js'

/** Records that a partition held, and that nobody can read in it any more: as whoever missed them saw it. */
export interface LogFault {
  readonly topic: TopicName
  readonly partition: number
  /** damaged: the broker holds them still, and they cannot be read; lost: it does not. */
  readonly fault: 'records-damaged' | 'records-lost'
  /** First offset, or the place that is not there. Others who miss the same see the same, so it is one repair. */
  readonly from: bigint
  /** In words. */
  readonly detail: string
}

export const faultOfDamage = ({ topic, partition, from, to, reason }: LogDamage): LogFault => ({
  ...{ topic, partition, from, fault: 'records-damaged' },
  detail: `offsets ${from} to ${to - 1n} cannot be read: ${reason}`,
})
