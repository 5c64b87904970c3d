/** `make bench-replay`: a chain that is made here goes from Kafka into tables that can be queried, for hourly messages and for those of a
 *  day; beside it, in the same minute, a bare COPY of the same rows and bare signature checks. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import pino from 'pino'
import { Database } from '../../projector/database.js'
import { startFilling } from '../../projector/fill.js'
import { type FillSource, kafkaFillSource } from '../../projector/fill-source.js'
import { migrate, urlOf, withClient } from '../../projector/migrate.js'
import { UNPACKED } from '../../projector/migrations/0013-sources.js'
import { recover } from '../../projector/recover.js'
import { type Replayed, replay } from '../../projector/replay/replay.js'
import type { Profile } from '../../schemas/records.js'
import { benchSettings, isOwnHome } from '../bench/settings.js'
import { verifyRate } from '../bench/verify-rate.js'
import { startProgress, tell } from '../cli/progress.js'
import { type Config, loadConfig } from '../config.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { createKafka } from '../kafka/client.js'
import { deleteTopics, ensureTopics } from '../kafka/topics.js'
import { RegistryFollower } from '../registry/registry-follower.js'
import { postgresAdminUrl } from '../services/postgres.js'
import { resetServices, startServices, stopServices } from '../services/services.js'
import { TestLane } from './final-blocks.js'
import { testRegistry } from './registry.js'
import { hourOf, SignedMeter } from './signed-meters.js'

const LANES = 4
const METERS = 1_000
const ENTRIES = 5_000
const VERIFY_MILLIS = 2_000
const PASSWORDS = { writer: 'bench-writer', analyst: 'bench-analyst' }
const ROLES = 'meterchain_bench'

export interface ReplayBenchOptions {
  readonly hourly: number
  readonly days: number
}

interface Kind {
  readonly name: string
  readonly messages: number
  /** Quarter-hours in a message. */
  readonly intervals: number
}

interface Measured {
  readonly replayed: Replayed
  readonly seconds: number
  readonly copyRowsPerSecond: number
  /** Resident, of this process, which made the chain before: when the replay began, and at most while it ran. */
  readonly beforeMiB: number
  readonly peakMiB: number
}

/** Prints a table, and as its last line one JSON object. */
export async function replayBench(env: Record<string, string | undefined>, { hourly, days }: ReplayBenchOptions): Promise<void> {
  Object.assign(env, benchSettings(env, LANES))
  const config = loadConfig(env)
  try {
    await startServices(config, tell)
    const day = await measure(config, { name: 'a day a message', messages: days, intervals: 96 })
    const before = await verifyRate(VERIFY_MILLIS)
    const hour = await measure(config, { name: 'an hour a message', messages: hourly, intervals: 4 })
    const after = await verifyRate(VERIFY_MILLIS)
    show(day, hour, (before + after) / 2)
  } finally {
    if (isOwnHome(config)) {
      await stopServices(config, tell)
      await resetServices(config)
      rmSync(config.home, { recursive: true, force: true })
    }
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

function show(day: Measured, hour: Measured, checks: number): void {
  const of = ({ replayed, seconds }: Measured) => ({
    messages: replayed.messages / seconds,
    intervals: replayed.intervals / seconds,
  })
  for (const [name, each] of [
    ['a day a message', day],
    ['an hour a message', hour],
  ] as const) {
    const { messages, intervals } = of(each)
    print(
      `${name}: ${Math.round(messages)} messages/s, ${Math.round(intervals)} intervals/s, indexes included; bare COPY ${Math.round(each.copyRowsPerSecond)} rows/s; ${each.peakMiB - each.beforeMiB} MiB more resident than before at most`,
    )
  }
  print(`bare signature checks of one core, the other busy too, before and after: ${Math.round(checks)}/s`)
  print(
    JSON.stringify({
      messagesPerSecond: Math.round(of(hour).messages),
      intervalsPerSecond: Math.round(of(day).intervals),
      copyRatio: Number((of(day).intervals / day.copyRowsPerSecond).toFixed(3)),
      verifyRatio: Number((of(hour).messages / checks).toFixed(3)),
      digestsEqual: [day, hour].every(({ replayed }) => replayed.differing.length === 0),
    }),
  )
}

/** The live tables are filled first, and not measured: they are what the digests are held against. */
async function measure(given: Config, kind: Kind): Promise<Measured> {
  const id = randomBytes(4).toString('hex')
  const config = { ...given, topicPrefix: `bench-replay-${id}.` }
  const logger = pino({ level: 'silent' })
  const kafka = createKafka(config, logger)
  const folder = mkdtempSync(join(tmpdir(), 'bench-replay-'))
  const [adminUrl, database] = [postgresAdminUrl(config), `bench_replay_${id}`]
  const { writerUrl: databaseUrl } = await migrate({ adminUrl, database, passwords: PASSWORDS, rolePrefix: ROLES })
  await ensureTopics(kafka, config)
  await sendChain(config, kind)
  const onFailure = (error: Error) => {
    throw error
  }
  const registry = await RegistryFollower.open({
    ...{ kafka, config, logger, path: join(folder, 'registry'), signatures: sodiumSignatures, onFailure },
  })
  try {
    await registry.start()
    await registry.caughtUp()
    const source = kafkaFillSource({ config, logger, kafka, registry, signatures: sodiumSignatures, groupPrefix: 'bench' })
    await fillLive(source, databaseUrl, logger)
    const place = { adminUrl: urlOf(adminUrl, database), rolePrefix: ROLES }
    const resident = () => Math.round(process.memoryUsage().rss / 2 ** 20)
    const beforeMiB = resident()
    let peakMiB = 0
    const watch = setInterval(() => {
      peakMiB = Math.max(peakMiB, resident())
    }, 50)
    const progress = startProgress(`replay, ${kind.name}`)
    const { signal } = new AbortController()
    const onProgress = (_step: string, done: number, all: number) => progress.update(done, all)
    const replayed = await replay({ source, logger, place, databaseUrl, signal, onProgress }).finally(() => {
      progress.stop()
      clearInterval(watch)
    })
    const copyRowsPerSecond = await copyRate(place.adminUrl)
    return { replayed, seconds: replayed.millis / 1000, copyRowsPerSecond, beforeMiB, peakMiB }
  } finally {
    await registry.close()
    await deleteTopics(kafka, config)
    await withClient(adminUrl, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`))
    rmSync(folder, { recursive: true })
  }
}

async function fillLive(source: FillSource, url: string, logger: pino.Logger) {
  const database = new Database({ url, logger, connections: LANES + 4 })
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  const given = { source, database, onWritten: () => undefined, onFatal: (error: Error) => fail(error) }
  const filling = await startFilling(given, await recover(database, source.registry.state))
  try {
    await Promise.race([filling.caughtUp(600_000), failed])
  } finally {
    await filling.stop()
    await database.close()
  }
}

/** Signed and linked readings in blocks of 5,000, as the stages would have made them. */
async function sendChain(config: Config, { name, messages, intervals }: Kind): Promise<void> {
  const kafka = createKafka(config, pino({ level: 'silent' }))
  const producer = kafka.producer()
  await producer.connect()
  const progress = startProgress(`sign, ${name}`)
  const registry = testRegistry({ meters: METERS, lanes: LANES })
  for (let event = 0; event < registry.state.size; event++) {
    const value = registry.state.store.eventBytes(event) ?? null
    await producer.send({ topic: `${config.topicPrefix}registry`, messages: [{ value, partition: 0 }] })
  }
  const meters = Array.from({ length: METERS }, (_, i) => new SignedMeter(`meter-${i + 1}`, registry.chainId))
  const lanes = Array.from({ length: LANES }, (_, lane) => new TestLane(registry, lane))
  for (let sent = 0, block = 0; sent < messages; block++) {
    const lane = lanes[block % LANES]
    const mine = meters.filter((_, index) => index % LANES === block % LANES)
    const entries = Array.from({ length: Math.min(ENTRIES, messages - sent) }, (_, i) =>
      entryOf(mine[i % mine.length], intervals),
    )
    lane?.finalize(entries)
    const values = lane?.log.splice(0) ?? []
    for (const value of values)
      await producer.send({ topic: `${config.topicPrefix}chain`, messages: [{ value, partition: block % LANES }] })
    sent += entries.length
    progress.update(sent, messages)
  }
  progress.stop()
  await producer.disconnect()
}

function entryOf(meter: SignedMeter | undefined, intervals: number): Buffer {
  if (meter === undefined) throw new RangeError('no meter')
  const [hour] = hourOf(meter.id, meter.sequence + 1, meter.previous).profiles
  const start = 1_600_000_200 + meter.sequence * intervals * 900
  const values = Array.from({ length: intervals }, (_, i) => 80 + ((meter.sequence * 31 + i * 7) % 400))
  return meter.next({ profiles: [{ ...(hour as Profile), start, values }] })
}

/** The rows of the largest table into one without indexes, from memory. */
async function copyRate(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const chunks: Buffer[] = []
    await pipeline(client.query(copyTo(`COPY (${UNPACKED}) TO STDOUT (FORMAT binary)`)), async (rows: AsyncIterable<Buffer>) => {
      for await (const part of rows) chunks.push(Buffer.from(part))
    })
    const whole = Buffer.concat(chunks.splice(0))
    const parts = Array.from({ length: Math.ceil(whole.length / 262_144) }, (_, i) =>
      whole.subarray(i * 262_144, (i + 1) * 262_144),
    )
    await client.query(`CREATE TABLE public.bare AS ${UNPACKED} LIMIT 0`)
    const began = performance.now()
    await pipeline(Readable.from(parts), client.query(copyFrom('COPY public.bare FROM STDIN (FORMAT binary)')))
    const millis = performance.now() - began
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM public.bare')
    return ((rows[0]?.n ?? 0) / millis) * 1000
  })
}
