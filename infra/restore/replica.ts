/** What a PostgreSQL replica holds of the logs: the raw records. It is not trusted: whoever reads it proves each. */
import pg from 'pg'
import type { Evidence, EvidenceKind, Original } from '../../schemas/evidence.js'
import type { Hash } from '../../schemas/hash.js'

export interface ReplicaBlock {
  readonly height: bigint
  readonly hash: Hash
  readonly verdictHash: Hash
  /** Without the schema prefix. */
  readonly record: Buffer
  /** The accepts of its certificate, without the schema prefix. */
  readonly votes: readonly Buffer[]
  /** What else is to follow it: of a checkpoint, the signatures of heads; without the schema prefix. */
  readonly signatures?: readonly Buffer[]
}

/** A final block of chain, with what no signature says of it. */
export interface ChainBlock extends ReplicaBlock {
  /** Of the block in the log that the replica was filled from. */
  readonly logOffset: bigint
  /** Append time of its certificate there, milliseconds. */
  readonly finalAt: number
  /** Of the newest block: where its reader went on. */
  readonly nextOffset: bigint | undefined
  /** Found up to it, since the block before. */
  readonly evidence: readonly Evidence[]
}

/** A record of checkpoints, with its prefix. */
export interface CheckpointRecord {
  readonly offset: bigint
  readonly value: Buffer
}

/** Blocks that are held at a time, and bytes of them beyond the first. */
const PAGE = 50
const PAGE_BYTES = 8 * 1024 * 1024
const EVENT_PAGE = 20
const CHECKPOINT_PAGE = 200

export class Replica {
  #last: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly client: pg.Client,
    /** For people: without the password. */
    readonly name: string,
    /** Whether it holds schema store too, with the evidence and the times of checkpoints. */
    readonly hasStore: boolean,
  ) {}

  /** Runs `use` on a replica in one snapshot. Rejects with Error where it cannot be reached, or has no tables. */
  static async with<T>(url: string, use: (replica: Replica) => Promise<T>): Promise<T> {
    const replica = await Replica.open(url)
    try {
      await replica.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      return await use(replica)
    } finally {
      await replica.close()
    }
  }

  /** One that is read as it grows: each query sees all that is there by then. */
  static async open(url: string): Promise<Replica> {
    const client = new pg.Client({ connectionString: url })
    // without a listener a lost connection would end the process; the query under way rejects too
    client.on('error', () => undefined)
    await client.connect()
    const { host, pathname } = new URL(url)
    const { rows } = await client.query<{ has: boolean }>(
      `SELECT bool_and(to_regclass('store.' || name) IS NOT NULL) AS has
         FROM unnest(ARRAY['checkpoints', 'evidence', 'evidence_records']) name`,
    )
    return new Replica(client, `${host}${pathname}`, rows[0]?.has === true)
  }

  close(): Promise<void> {
    return this.client.end()
  }

  /** One after the other: lanes are read side by side, and a connection answers one query at a time. */
  private query<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult<T>> {
    const answer = this.#last.then(() => this.client.query<T>(text, [...values]))
    // whoever asked hears of it
    this.#last = answer.catch(() => undefined)
    return answer
  }

  /** Registry events from one on, in their order, without the schema prefix: some at a time. */
  async *registryEvents(from: number): AsyncGenerator<Buffer[]> {
    for (let next = from; ; next += EVENT_PAGE) {
      const { rows } = await this.query<{ record: Buffer }>(
        'SELECT record FROM ledger.registry_events WHERE event_index >= $1 AND event_index < $2 ORDER BY event_index',
        [next, next + EVENT_PAGE],
      )
      if (rows.length > 0) yield rows.map(({ record }) => record)
      if (rows.length < EVENT_PAGE) return
    }
  }

  /** Records of checkpoints as they came, from an offset on, in their order. */
  async *checkpoints(from = 0n): AsyncGenerator<CheckpointRecord> {
    for (let next = from; ; ) {
      const { rows } = await this.query<{ offset: string; value: Buffer }>(
        `SELECT log_offset AS offset, record AS value FROM ledger.checkpoint_records WHERE log_offset >= $1 ORDER BY log_offset
          LIMIT ${CHECKPOINT_PAGE}`,
        [String(next)],
      )
      for (const { offset, value } of rows) yield { offset: BigInt(offset), value }
      const last = rows.at(-1)
      if (last === undefined) return
      next = BigInt(last.offset) + 1n
    }
  }

  /** When the log took the vote that made the checkpoint of that height final, milliseconds; undefined: it does not say. */
  async checkpointTime(height: bigint): Promise<number | undefined> {
    if (!this.hasStore) return undefined
    const { rows } = await this.query<{ millis: number }>(
      'SELECT round(extract(epoch FROM final_at) * 1000)::float8 AS millis FROM store.checkpoints WHERE height = $1',
      [String(height)],
    )
    return rows[0]?.millis
  }

  /** Of the vote that made the newest checkpoint final by then; -1: there was none. Rejects with Error where it does not say. */
  async lastCheckpointOffset(untilMillis: number): Promise<bigint> {
    if (!this.hasStore)
      throw new Error(
        `replica ${this.name} does not say when checkpoints were final: that stands in schema store, which it lacks`,
      )
    const { rows } = await this.query<{ offset: string }>(
      'SELECT coalesce(max(final_offset), -1) AS offset FROM store.checkpoints WHERE final_at <= to_timestamp($1::float8 / 1000)',
      [untilMillis],
    )
    return BigInt(rows[0]?.offset ?? -1)
  }

  /** Height of the newest block of each lane that has one. */
  async heights(): Promise<Map<number, bigint>> {
    const { rows } = await this.query<{ lane: number; height: string }>(
      'SELECT lane, max(height) AS height FROM ledger.blocks GROUP BY lane',
    )
    return new Map(rows.map(({ lane, height }) => [lane, BigInt(height)]))
  }

  /** Final blocks of a lane above a height, in their order. */
  async *blocks(lane: number, above = 0n): AsyncGenerator<ChainBlock> {
    for (let after = above; ; ) {
      const page = await this.page(lane, after)
      yield* page
      const last = page.at(-1)
      if (last === undefined) return
      after = last.height
    }
  }

  private async page(lane: number, above: bigint): Promise<ChainBlock[]> {
    const { rows } = await this.query<BlockColumns>(
      `SELECT height, hash, verdict_hash AS "verdictHash", record, log_offset AS "logOffset",
              round(extract(epoch FROM final_at) * 1000)::float8 AS "finalAt",
              ARRAY(SELECT votes.record FROM ledger.votes WHERE votes.lane = $1 AND votes.height = blocks.height) AS votes,
              (SELECT next_offset FROM ledger.cursors c WHERE c.source = 'chain' AND c.lane = $1 AND c.height = blocks.height) AS "nextOffset",
              ${this.hasStore ? 'ARRAY(SELECT number FROM store.evidence e WHERE e.lane = $1 AND e.height = blocks.height ORDER BY number)' : "'{}'::int4[]"} AS evidence
         FROM (SELECT *, sum(octet_length(record)) OVER (ORDER BY height) - octet_length(record) AS before
                 FROM (SELECT * FROM ledger.blocks WHERE lane = $1 AND height > $2 ORDER BY height LIMIT ${PAGE}) next) blocks
        WHERE before < ${PAGE_BYTES} ORDER BY height`,
      [lane, String(above)],
    )
    const blocks: ChainBlock[] = []
    for (const { height: text, logOffset, nextOffset, evidence: numbers, ...row } of rows) {
      const height = BigInt(text)
      const evidence: Evidence[] = []
      for (const number of numbers) evidence.push(...(await this.evidence(lane, height, number)))
      const next = nextOffset === null ? undefined : BigInt(nextOffset)
      blocks.push({ ...row, height, logOffset: BigInt(logOffset), nextOffset: next, evidence })
    }
    return blocks
  }

  private async evidence(lane: number, height: bigint, number: number): Promise<Evidence[]> {
    const place = [lane, String(height), number]
    const where = 'lane = $1 AND height = $2 AND number = $3'
    const { rows: originals } = await this.query<{ record: Buffer; offset: string | null; at: number | null }>(
      `SELECT record, log_offset AS offset, round(extract(epoch FROM at) * 1000)::float8 AS at FROM store.evidence_records
        WHERE ${where} ORDER BY original`,
      place,
    )
    const { rows } = await this.query<{
      kind: EvidenceKind
      authority: string
      height: string
      block: Buffer
      size: string
    }>(`SELECT kind, authority, of_height AS height, block, registry_size AS size FROM store.evidence WHERE ${where}`, place)
    return rows.map(({ kind, authority, height: ofHeight, block, size }) => ({
      ...{ kind, lane, height: BigInt(ofHeight), block, authority, registrySize: Number(size) },
      originals: originals.map(({ record, offset, at }): Original => {
        return { record, place: offset === null || at === null ? null : { offset: BigInt(offset), timestamp: at } }
      }),
    }))
  }
}

/** As pg gives them: int8 is text. */
interface BlockColumns extends Pick<ReplicaBlock, 'hash' | 'verdictHash' | 'record' | 'votes'> {
  readonly height: string
  readonly logOffset: string
  readonly finalAt: number
  readonly nextOffset: string | null
  readonly evidence: readonly number[]
}
