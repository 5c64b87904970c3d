/** Sees final blocks come into PostgreSQL. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { TransientError } from '../../schemas/errors.js'

export interface SeenBlock {
  readonly lane: number
  readonly height: number
  readonly counted: number
  /** When the log took the vote that made it final, milliseconds since 1970. */
  readonly finalAt: number
  /** When its rows were seen: up to the length of a poll later than they were there. */
  readonly seenAt: number
}

const POLL_MILLIS = 15
const STALL_MILLIS = 60_000

export class BlockWatch {
  readonly blocks: SeenBlock[] = []
  counted = 0
  #changedAt = Date.now()

  private constructor(
    private readonly client: pg.ClientBase,
    private readonly heights: Map<number, number>,
  ) {}

  /** What is there already is not looked at. */
  static async open(client: pg.ClientBase): Promise<BlockWatch> {
    const { rows } = await client.query<{ lane: number; height: string }>(
      "SELECT lane, height FROM ledger.cursors WHERE source = 'chain'",
    )
    return new BlockWatch(client, new Map(rows.map(({ lane, height }) => [lane, Number(height)])))
  }

  /** Resolves when so many readings count in blocks that came since. Rejects with TransientError when none comes for a minute. */
  async until(counted: number, onCounted: (counted: number) => void = () => undefined): Promise<void> {
    this.#changedAt = Date.now()
    for (;;) {
      await this.#poll()
      onCounted(this.counted)
      if (this.counted >= counted) return
      if (Date.now() - this.#changedAt > STALL_MILLIS)
        throw new TransientError(
          `only ${this.counted} of ${counted} readings came into PostgreSQL, and none for ${STALL_MILLIS / 1000} s: see the logs of the stages`,
        )
      await sleep(POLL_MILLIS)
    }
  }

  async #poll(): Promise<void> {
    const { rows } = await this.client.query<{ lane: number; height: string; counted: number; final_at: Date }>(
      `SELECT b.lane, b.height, b.counted, b.final_at
       FROM unnest($1::int2[], $2::int8[]) AS seen (lane, height) JOIN ledger.blocks b ON b.lane = seen.lane AND b.height > seen.height
       ORDER BY b.lane, b.height`,
      [[...this.heights.keys()], [...this.heights.values()]],
    )
    const seenAt = Date.now()
    for (const { lane, height, counted, final_at } of rows) {
      this.blocks.push({ lane, height: Number(height), counted, finalAt: final_at.getTime(), seenAt })
      this.heights.set(lane, Number(height))
      this.counted += counted
    }
    if (rows.length > 0) this.#changedAt = seenAt
  }
}
