/** Where records stand in the broker's topics and on its disk, and what somebody with access to that disk can do there. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pino from 'pino'
import { hex } from '../../schemas/bytes.js'
import { blockHash } from '../../schemas/lane-fold.js'
import { decodeChainRecord, encodeHeader } from '../../schemas/records.js'
import { createKafka } from '../kafka/client.js'
import { endOffsets, type LogRecord, readLog } from '../kafka/log-reader.js'
import { topicName } from '../kafka/topics.js'
import type { TopicName } from '../stage.js'
import { BATCH_FIELD, batchPlaces, flipBit, segmentFile } from '../testing/broker-disk.js'
import { withDatabase } from '../testing/whole-system.js'
import type { World } from './world.js'

export const kafkaOf = ({ config }: World) => createKafka(config, pino({ level: 'silent' }))

export interface Place {
  readonly topic: TopicName
  readonly partition: number
}

export async function endsOf(world: World, { topic, partition }: Place): Promise<{ low: bigint; high: bigint }> {
  const ends = (await endOffsets(kafkaOf(world), world.config.topicPrefix, topic)).get(partition)
  if (ends === undefined) throw new Error(`topic ${topic} has no partition ${partition}`)
  return ends
}

/** The records that can be read now, from an offset on. */
export async function* recordsOf(world: World, place: Place, from = 0n, until?: bigint): AsyncGenerator<LogRecord> {
  const { low, high } = await endsOf(world, place)
  const range = { from: from > low ? from : low, until: until !== undefined && until < high ? until : high }
  yield* readLog({ kafka: kafkaOf(world), topicPrefix: world.config.topicPrefix, ...place, ...range, stepsOverAll: true })
}

/** Records before a block's certificate among which the block is looked for. */
const NEAR = 1_000n

/** Where the record of some final block of the lane stands. */
export async function someFinalBlock(world: World, lane: number): Promise<bigint> {
  const [block] = await withDatabase(world.config, 'writer', async (client) => {
    const { rows } = await client.query<{ blocks: number }>('SELECT count(*)::int AS blocks FROM ledger.blocks WHERE lane = $1', [
      lane,
    ])
    const skipped = world.random.below(rows[0]?.blocks ?? 0)
    const found = await client.query<{ hash: string; log_offset: string }>(
      `SELECT encode(hash, 'hex') AS hash, log_offset FROM ledger.blocks WHERE lane = $1 ORDER BY height OFFSET $2 LIMIT 1`,
      [lane, skipped],
    )
    return found.rows
  })
  if (block === undefined) throw new Error(`lane ${lane} has no final block`)
  const certified = BigInt(block.log_offset)
  for await (const { offset, value } of recordsOf(world, { topic: 'chain', partition: lane }, certified - NEAR, certified + 1n)) {
    const record = decodeChainRecord(value)
    if (record?.kind === 'block' && hex(blockHash(encodeHeader(record.header))) === block.hash) return offset
  }
  throw new Error(`block ${block.hash} stands nowhere before its certificate at ${block.log_offset} in lane ${lane}`)
}

/** The newest segment of a partition. */
export function newestSegment({ config }: World, { topic, partition }: Place): string {
  const folder = dirname(segmentFile(topicName(config, topic), partition, config.home))
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1)
  if (newest === undefined) throw new Error(`${folder} holds no segment`)
  return join(folder, newest)
}

export interface Damage {
  readonly told: string
  /** Puts the bit back. */
  mend(): void
}

/** Changes a bit of what the batch with this offset holds, or of its checksum. */
export function damage(world: World, place: Place, offset: bigint): Damage {
  const file = newestSegment(world, place)
  const batch = batchPlaces(file).findLast((each) => each.firstOffset <= offset)
  if (batch === undefined) throw new Error(`${file} holds no batch of offset ${offset}`)
  const { random } = world
  const field = random.chance(0.2) ? BATCH_FIELD.checksum : BATCH_FIELD.records + random.below(batch.length - BATCH_FIELD.records)
  const bit = random.below(8)
  flipBit(file, offset, field, bit)
  return { told: `${place.topic} ${place.partition} at ${offset}`, mend: () => flipBit(file, offset, field, bit) }
}

/** Throws where a reader with nothing else in hand can read the record. */
export async function assertUnreadable(world: World, place: Place, at: bigint): Promise<void> {
  for await (const { offset } of recordsOf(world, place, at, at + 1n))
    if (offset === at) throw new Error(`${place.topic} ${place.partition}: offset ${at} was to be damaged, and can be read`)
}
