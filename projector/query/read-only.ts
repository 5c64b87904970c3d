import pg from 'pg'
import type { Logger } from 'pino'
import { isPassing } from '../database.js'
import type { RowSource } from './row-source.js'

export interface ReadOnlyOptions {
  /** The writer’s: schemas ledger and store are not open to analysts. Its sessions here cannot write. */
  readonly url: string
  readonly logger: Logger
  readonly connections: number
  readonly statementMillis: number
  /** How long a request waits for a free connection. */
  readonly waitMillis: number
}

/** No answer now: the database is away, all connections are taken, or a statement took too long. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
}

/** SQLSTATE of a statement that was cancelled: its time was over. */
const CANCELLED = '57014'

/** PostgreSQL for queries: few connections, a bound for each statement, nothing is tried twice. */
export class ReadOnlyDatabase implements RowSource {
  readonly #pool: pg.Pool

  constructor({ url, logger, connections, statementMillis, waitMillis }: ReadOnlyOptions) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: connections,
      connectionTimeoutMillis: waitMillis,
      options: `-c default_transaction_read_only=on -c statement_timeout=${statementMillis}`,
    })
    // without a listener a lost connection would end the process; the query under way rejects too
    const onLost = (error: Error) => logger.warn({ err: error }, 'a connection to PostgreSQL was lost')
    this.#pool.on('connect', (client) => client.on('error', onLost))
    this.#pool.on('error', onLost)
  }

  /** Rejects with UnavailableError where the same may succeed later. */
  async rows<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, [...values])).rows
    } catch (error) {
      const isLate = error instanceof pg.DatabaseError && error.code === CANCELLED
      if (!isLate && !isPassing(error)) throw error
      throw new UnavailableError(isLate ? 'the query took too long' : 'PostgreSQL is away or busy', { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}
