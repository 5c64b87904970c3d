import pg from 'pg'
import { BEGIN_WRITING } from '../database.js'

/** Longest wait for a row that somebody else has locked: 55P03 follows, and it is tried again. */
const SETTINGS = `SET TIME ZONE 'UTC'; SET bytea_output = 'hex'; SET lock_timeout = '10s'`
const CONNECT_MILLIS = 10_000

/** One connection that its owner alone uses, made when it is needed. Closing it cuts off what is under way, at once. */
export class OwnConnection {
  #client: pg.Client | undefined
  #isClosed = false

  constructor(private readonly url: string) {}

  async transaction<T>(work: (client: pg.ClientBase) => Promise<T>, begin = BEGIN_WRITING): Promise<T> {
    const client = this.#client ?? (await this.#connect())
    try {
      await client.query(begin)
      const result = await work(client)
      await client.query('COMMIT')
      return result
    } catch (error) {
      // its end rolls back
      await this.#drop()
      throw error
    }
  }

  /** Reads the tables as they are at one moment, and locks nothing. */
  snapshot<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    return this.transaction(work, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#drop()
  }

  async #connect(): Promise<pg.Client> {
    if (this.#isClosed) throw new Error('the connection is closed')
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: CONNECT_MILLIS })
    // without a listener a lost connection would end the process; the query under way rejects too
    client.on('error', () => undefined)
    this.#client = client
    try {
      await client.connect()
      await client.query(SETTINGS)
      return client
    } catch (error) {
      await this.#drop()
      throw error
    }
  }

  /** pg destroys the socket where a query is under way. */
  async #drop(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end()
  }
}
