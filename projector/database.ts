import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Logger } from 'pino'
import { TransientError } from '../schemas/errors.js'
import { CopyData, copyStatement } from './rows/binary-copy.js'
import type { Row, Table } from './rows/tables.js'
import { LIVE, type SetPrefix, useSet } from './schema-set.js'

/** How long the database may be away before the process ends and its supervisor takes over, milliseconds. */
const PATIENCE_MILLIS = 120_000
const FIRST_PAUSE_MILLIS = 50
const LONGEST_PAUSE_MILLIS = 5_000

/** SQLSTATE classes and codes of a server that is not there, not ready, or asks to try again. */
const PASSING = /^(08...|57P0[123]|53...|40001|40P01|55P03)$/

/** No room on the server's disk, for rows or for its log. */
const DISK_FULL = '53100'

/** What pg says of a connection that ended. */
const BROKEN_CONNECTION = /^(Connection terminated|timeout ex|Client has encountered a connection error)/

/** Whether the same transaction may succeed later. Errors of PostgreSQL have a severity; those of sockets a syscall. */
export function isPassing(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if ('severity' in error) return 'code' in error && PASSING.test(String(error.code))
  return 'syscall' in error || ('message' in error && BROKEN_CONNECTION.test(String(error.message)))
}

/** A process that is started again finds a disk as full as before: so this is waited for, however long it takes. */
const isDiskFull = (error: unknown): error is Error => (error as { code?: unknown }).code === DISK_FULL

export interface DatabaseOptions {
  readonly url: string
  readonly logger: Logger
  readonly connections: number
  readonly patienceMillis?: number
  /** The set of schemas that statements are about. Default: the live one. */
  readonly set?: SetPrefix
}

/** Whoever writes the live tables holds this lock as others do; whoever puts another set in their place holds it alone. So no
 *  transaction writes some of its rows here and some there. */
export const WRITERS_LOCK = 0x6d63_7773
export const BEGIN_WRITING = `BEGIN; SELECT pg_advisory_xact_lock_shared(${WRITERS_LOCK})`

export class Database {
  readonly pool: pg.Pool
  /** Why the last attempt failed, while the database is away. */
  trouble: string | undefined
  readonly #patience = new AbortController()
  /** Transactions that found no room and did not succeed since. */
  readonly #withoutRoom = new Set<symbol>()

  constructor(private readonly options: DatabaseOptions) {
    this.pool = new pg.Pool({ connectionString: options.url, max: options.connections, connectionTimeoutMillis: 10_000 })
    // without a listener a lost connection would end the process; the query under way rejects too
    const onLost = (error: Error) => options.logger.warn({ err: error }, 'a connection to PostgreSQL was lost')
    this.pool.on('connect', (client) => {
      client.on('error', onLost)
      useSet(client, options.set ?? LIVE)
    })
    this.pool.on('error', onLost)
  }

  /** `trouble` does not tell: others than those that wait succeed meanwhile, such as find room in what there is. */
  get isDiskFull(): boolean {
    return this.#withoutRoom.size > 0
  }

  /** Runs `work` in one transaction on one connection, and again while the database is away: `work` must bear that. Rejects with
   *  TransientError when patience ends; for room on a full disk it has no end. */
  async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const mine = Symbol('transaction')
    try {
      return await this.#patiently(work, mine)
    } finally {
      this.#withoutRoom.delete(mine)
    }
  }

  async #patiently<T>(work: (client: pg.PoolClient) => Promise<T>, mine: symbol): Promise<T> {
    const giveUpAt = Date.now() + (this.options.patienceMillis ?? PATIENCE_MILLIS)
    for (let wait = FIRST_PAUSE_MILLIS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MILLIS)) {
      try {
        const result = await this.#once(work)
        this.trouble = undefined
        return result
      } catch (error) {
        if (!isPassing(error)) throw error
        const isFull = isDiskFull(error)
        if (isFull) this.#withoutRoom.add(mine)
        const what = isFull ? 'the disk of PostgreSQL is full' : 'PostgreSQL is away'
        this.trouble = `${what}: ${(error as Error).message}`
        const isOver = !isFull && Date.now() + wait > giveUpAt
        if (this.#patience.signal.aborted || isOver) throw new TransientError(this.trouble, { cause: error })
        this.options.logger.warn({ err: error, waitMillis: wait }, `${what}; the transaction is tried again`)
        await pause(wait, undefined, { signal: this.#patience.signal }).catch(() => {
          throw new TransientError(`${this.trouble}; it was not tried again, for the process ends`, { cause: error })
        })
      }
    }
  }

  async #once<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect()
    let broken = true
    try {
      await client.query((this.options.set ?? LIVE) === LIVE ? BEGIN_WRITING : 'BEGIN')
      const result = await work(client)
      await client.query('COMMIT')
      broken = false
      return result
    } finally {
      // a connection in the middle of a transaction, or of a COPY, is not used again: its end rolls back
      client.release(broken)
    }
  }

  /** Nothing is tried again from now on: the process ends, and the next one goes on. */
  endPatience(): void {
    this.#patience.abort()
  }

  async close(): Promise<void> {
    this.endPatience()
    await this.pool.end()
  }
}

/** Rows into a table, by binary COPY. */
export async function copyRows(client: pg.ClientBase, table: Table, rows: Iterable<Row>): Promise<void> {
  if (Array.isArray(rows) && rows.length === 0) return
  await copyData(client, new CopyData(table), rows)
}

/** What was made ready for it, and rows after that. */
export async function copyData(client: pg.ClientBase, data: CopyData, more: Iterable<Row> = []): Promise<void> {
  await pipeline(Readable.from(data.chunks(more)), client.query(copyFrom(copyStatement(data.table))))
}
