/** Whether topics are still those that were read. A fetch names no topic id: one that was deleted, made again and filled up to a reader's
 *  place looks to that reader like the one before. But what it took first of a partition stands at its offset with its append time, or the
 *  log is another one. */
import type { Kafka } from 'kafkajs'
import { LogLook } from './fetch-once.js'
import { deepestType } from './not-yet.js'

interface Anchor {
  /** With its prefix. */
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Append time, milliseconds. */
  readonly timestamp: number
}

const keyOf = ({ topic, partition }: Pick<Anchor, 'topic' | 'partition'>) => `${topic} ${partition}`

export class SameLog {
  private readonly anchors = new Map<string, Anchor>()

  constructor(private readonly kafka: Kafka) {}

  /** A record that was taken; the first of each partition counts. */
  note(anchor: Anchor): void {
    if (!this.anchors.has(keyOf(anchor))) this.anchors.set(keyOf(anchor), anchor)
  }

  /** The first of these partitions in which another record stands there now; all that are known where none is named. Rejects where the broker
   *  is away, or does not lead them. */
  async findOther(partition?: Pick<Anchor, 'topic' | 'partition'>): Promise<Anchor | undefined> {
    const known = [...this.anchors.values()].filter((each) => partition === undefined || keyOf(each) === keyOf(partition))
    if (known.length === 0) return undefined
    return LogLook.with(this.kafka, async (look) => {
      for (const anchor of known) if (await this.isOther(look, anchor)) return anchor
      return undefined
    })
  }

  /** What is deleted by time, or cannot be read, is no other: a later record takes its place. */
  private async isOther(look: LogLook, anchor: Anchor): Promise<boolean> {
    const { topic, partition, offset, timestamp } = anchor
    const { messages } = await look.at(topic, partition, offset).catch((error: Error) => {
      if (deepestType(error) === 'OFFSET_OUT_OF_RANGE') return { messages: [] }
      throw error
    })
    const found = messages.find((each) => BigInt(each.offset) === offset && each.damage === undefined)
    if (found === undefined) this.anchors.delete(keyOf(anchor))
    return found !== undefined && Number(found.timestamp) !== timestamp
  }
}
