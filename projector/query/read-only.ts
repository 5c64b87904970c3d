import pg from 'pg'
import type { Logger } from 'pino'
import { RowStream } from '../audit/row-stream.js'
import { isPassing } from '../database.js'
import type { RowSource } from './row-source.js'

export interface ReadOnlyOptions {
  /** The writer’s: its sessions here take on the role of readers, which sees everything and can change nothing. */
  readonly url: string
  readonly logger: Logger
  /** For answers of bounded size. */
  readonly connections: number
  /** For answers that are streamed: each holds one for as long as its reader takes. */
  readonly streams: number
  /** Of an answer of bounded size. */
  readonly statementMillis: number
  /** Of a stream: until its first row, and from one batch of rows to the next. */
  readonly streamStatementMillis: number
  /** How long a request waits for a free connection. */
  readonly waitMillis: number
}

/** No answer now: the database is away, all connections are taken, or a statement took too long. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
}

/** PostgreSQL could not take a value for what it is to be. Parameters are looked at before: so it is one of a cursor. */
export class ValueError extends Error {
  override readonly name = 'ValueError'
}

/** SQLSTATE of a statement that was cancelled: its time was over. */
const CANCELLED = '57014'
/** Class of SQLSTATE: data exceptions. */
const DATA = /^22...$/

/** A row as PostgreSQL writes its values, in UTC. */
export type TextRow = readonly (string | null)[]

/** Rows as they come. `close` must be called, whatever happens: it gives the connection back, or ends it where rows are left. */
export interface OpenRows {
  next(): Promise<TextRow | undefined>
  close(): void
}

/** Rows of a stream that PostgreSQL gives at a time. */
const BATCH = 500
const AS_TEXT = { getTypeParser: () => (text: string) => text }

/** Roles of one installation share a prefix, and the owner of the schemas is one of them. Without a row there is nothing to read. */
const BECOME_READER = `SELECT set_config('role', regexp_replace(rolname, '_owner$', '_reader'), false)
  FROM pg_namespace JOIN pg_roles o ON o.oid = nspowner WHERE nspname = 'ledger'`

/** PostgreSQL for queries: few connections, a bound for each statement, nothing is tried twice. */
export class ReadOnlyDatabase implements RowSource {
  readonly #pool: pg.Pool
  readonly #streams: pg.Pool

  constructor(options: ReadOnlyOptions) {
    this.#pool = poolOf(options, options.connections, options.statementMillis)
    this.#streams = poolOf(options, options.streams, options.streamStatementMillis)
  }

  /** Rejects with UnavailableError where the same may succeed later. */
  async rows<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return told(async () => (await this.#pool.query<Row>(text, [...values])).rows)
  }

  /** A bounded number of rows, as text. Rejects as `rows` does, and with ValueError. `isCostly`: it has the time of a stream, and takes
   *  the connection of one. */
  async textRows(text: string, values: readonly unknown[], isCostly = false): Promise<TextRow[]> {
    const query = { text, values: [...values], rowMode: 'array' as const, types: AS_TEXT }
    const pool = isCostly ? this.#streams : this.#pool
    return told(async () => (await pool.query<(string | null)[]>(query)).rows)
  }

  /** Any number of rows, as text, some hundred of which are held at a time. Rejects, as `next` does, as `textRows` does. */
  async open(text: string, values: readonly unknown[]): Promise<OpenRows> {
    const client = await told(() => this.#streams.connect())
    const stream = new RowStream(text, [...values], BATCH, AS_TEXT)
    // it is told to whoever takes the next row, if anybody does
    stream.on('error', () => undefined)
    client.query(stream)
    const rows = stream[Symbol.asyncIterator]()
    let isOver = false
    let isClosed = false
    return {
      next: () =>
        told(async () => {
          const { done, value } = await rows.next()
          if (done === true) isOver = true
          return done === true ? undefined : value
        }),
      close: () => {
        if (isClosed) return
        isClosed = true
        if (!isOver) stream.destroy(new Error('whoever asked for the rows is gone'))
        // a connection with rows that nobody takes any more is not used again
        client.release(!isOver)
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#streams.end()])
  }
}

async function told<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
    if (DATA.test(code)) throw new ValueError((error as Error).message, { cause: error })
    const isLate = code === CANCELLED
    if (!isLate && !isPassing(error)) throw error
    throw new UnavailableError(isLate ? 'the query took too long: ask for less at a time' : 'PostgreSQL is away or busy', {
      cause: error,
    })
  }
}

function poolOf({ url, logger, waitMillis }: ReadOnlyOptions, connections: number, statementMillis: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: waitMillis,
    options: `-c default_transaction_read_only=on -c statement_timeout=${statementMillis} -c timezone=UTC -c datestyle=ISO`,
    verify: (client, done) => void becomeReader(client).then(() => done(), done),
  })
  // without a listener a lost connection would end the process; the query under way rejects too
  const onLost = (error: Error) => logger.warn({ err: error }, 'a connection to PostgreSQL was lost')
  pool.on('connect', (client) => client.on('error', onLost))
  pool.on('error', onLost)
  return pool
}

/** SQLSTATE: there is no such role. */
const NO_ROLE = '22023'

async function becomeReader(client: pg.ClientBase): Promise<void> {
  try {
    const { rowCount } = await client.query(BECOME_READER)
    if (rowCount === 1) return
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== NO_ROLE) throw error
  }
  throw new Error('this database has no tables, or no role of readers: run meterchain migrate')
}
