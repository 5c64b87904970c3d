/** What a PostgreSQL replica holds of the logs: the raw records. It is not trusted: `verifyReplica` looks at each. */
import pg from 'pg'
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

const PAGE = 50
const CHECKPOINT_PAGE = 200

export class Replica {
  private constructor(
    private readonly client: pg.Client,
    /** For people: without the password. */
    readonly name: string,
  ) {}

  /** Runs `use` on a replica in one snapshot. Rejects with Error where it cannot be reached, or has no tables. */
  static async with<T>(url: string, use: (replica: Replica) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: url })
    // without a listener a lost connection would end the process; the query under way rejects too
    client.on('error', () => undefined)
    await client.connect()
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      const { host, pathname } = new URL(url)
      return await use(new Replica(client, `${host}${pathname}`))
    } finally {
      await client.end()
    }
  }

  /** Registry events in their order, without the schema prefix. */
  async registryEvents(): Promise<Buffer[]> {
    const { rows } = await this.client.query<{ record: Buffer }>('SELECT record FROM ledger.registry_events ORDER BY event_index')
    return rows.map(({ record }) => record)
  }

  /** Records of checkpoints as they came, with their prefix, in their order. */
  async *checkpoints(): AsyncGenerator<Buffer> {
    for (let after = '-1'; ; ) {
      const { rows } = await this.client.query<{ offset: string; record: Buffer }>(
        `SELECT log_offset AS offset, record FROM ledger.checkpoint_records WHERE log_offset > $1 ORDER BY log_offset
          LIMIT ${CHECKPOINT_PAGE}`,
        [after],
      )
      for (const { record } of rows) yield record
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.offset
    }
  }

  /** Final blocks of a lane above a height, in their order. */
  async *blocks(lane: number, above = 0n): AsyncGenerator<ReplicaBlock> {
    for (let after = above; ; ) {
      const page = await this.page(lane, after)
      yield* page
      const last = page.at(-1)
      if (last === undefined) return
      after = last.height
    }
  }

  private async page(lane: number, above: bigint): Promise<ReplicaBlock[]> {
    const { rows } = await this.client.query<{
      height: string
      hash: Buffer
      verdictHash: Buffer
      record: Buffer
      votes: Buffer[]
    }>(
      `SELECT height, hash, verdict_hash AS "verdictHash", record,
              ARRAY(SELECT votes.record FROM ledger.votes WHERE votes.lane = blocks.lane AND votes.height = blocks.height) AS votes
         FROM ledger.blocks WHERE lane = $1 AND height > $2 ORDER BY height LIMIT ${PAGE}`,
      [lane, String(above)],
    )
    return rows.map((row) => ({ ...row, height: BigInt(row.height) }))
  }
}
