import type { TopicName } from '../stage.js'

/** Where a chain is not what it must be. A lane is the partition of the same number. */
export interface Fault {
  readonly topic: TopicName
  readonly lane?: number
  readonly height?: bigint
  /** Place in the block, from 0. */
  readonly entry?: number
  readonly offset?: bigint
  readonly reason: string
}

/** One line for a person: the place, then what is wrong there. */
export function describeFault({ topic, lane, height, entry, offset, reason }: Fault): string {
  const place = [
    lane === undefined ? undefined : `lane ${lane}`,
    height === undefined ? undefined : `height ${height}`,
    entry === undefined ? undefined : `entry ${entry}`,
    `topic ${topic}${offset === undefined ? '' : ` at offset ${offset}`}`,
  ]
  return `${place.filter((each) => each !== undefined).join(', ')}: ${reason}`
}
