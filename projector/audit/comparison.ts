import type { ClientBase } from 'pg'
import { BugError } from '../../schemas/errors.js'
import { copyRows } from '../database.js'
import { PROJECTIONS } from '../projections/all.js'
import { readUnfilled } from '../projections/unfilled.js'
import { CHANNELS, type ChannelRow, type Row, type Table } from '../rows/tables.js'
import { insertChannel } from '../write-block.js'
import { compareRows, type Difference } from './compare.js'
import { compareKeys, render, selectRows, type TextRow } from './render.js'
import { RowStream } from './row-stream.js'

const PROJECTED: ReadonlySet<string> = new Set(PROJECTIONS.map(({ table }) => table.name))

/** What an audit has found so far, and the connection that it looks through. */
export class Comparison {
  readonly differences: Difference[] = []
  /** All of them, also those beyond the limit that are not named. */
  differenceCount = 0
  rowsCompared = 0
  /** Heights of the blocks whose rows differ. */
  readonly heights = new Set<string>()
  readonly #counts = new Map<string, number>()
  #unfilled: ReadonlySet<string> | undefined

  constructor(
    readonly client: ClientBase,
    private readonly limit: number,
    /** Whether cursors and rows stand still: nothing is being written meanwhile. */
    readonly isLocked = false,
  ) {}

  /** Compares what the log demands with the table’s rows of that condition, which is ours and holds nothing from outside. */
  async compare<R extends Row>(
    table: Table<R>,
    rows: readonly R[],
    where: string,
    parameters: readonly unknown[] = [],
  ): Promise<void> {
    if (PROJECTED.has(table.name) && (await this.#unfilledTables()).has(table.name)) return
    const expected = rows.map((row) => render(table, row)).sort((a, b) => compareKeys(table, a, b))
    const stream = new RowStream(selectRows(table, where), [...parameters], 1_000)
    const found: AsyncIterable<TextRow> = this.client.query(stream)
    this.rowsCompared += await compareRows(table, expected, found, (difference) => this.#report(difference))
  }

  async #unfilledTables(): Promise<ReadonlySet<string>> {
    this.#unfilled ??= await readUnfilled(this.client)
    return this.#unfilled
  }

  /** In words, by table: “store.profiles: 2 missing”. */
  summary(): string {
    return [...this.#counts].map(([what, count]) => what.replace('#', String(count))).join('; ')
  }

  #report(difference: Difference): void {
    this.differenceCount++
    const what = `${difference.table}: # ${difference.kind === 'differs' ? 'differ' : difference.kind}`
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
    if (difference.height !== undefined) this.heights.add(difference.height)
    if (this.differences.length < this.limit) this.differences.push(difference)
  }
}

/** Makes rows that differ again, where it finds them: all rows of the condition are deleted, those that the log demands copied, and
 *  compared again. Inside a transaction of the caller’s. */
export class Healing extends Comparison {
  override async compare<R extends Row>(
    table: Table<R>,
    rows: readonly R[],
    where: string,
    parameters: readonly unknown[] = [],
  ): Promise<void> {
    const before = this.differenceCount
    await super.compare(table, rows, where, parameters)
    if (this.differenceCount === before) return
    await this.client.query(`DELETE FROM ${table.name} WHERE ${where}`, [...parameters])
    // numeric has no place in our binary COPY; channels are few
    if (table.name === CHANNELS.name) for (const row of rows) await insertChannel(this.client, row as unknown as ChannelRow)
    else await copyRows(this.client, table, rows)
    const again = new Comparison(this.client, 1)
    await again.compare(table, rows, where, parameters)
    if (again.differenceCount > 0) throw new BugError(`rows that were made again differ still: ${again.summary()}`)
  }
}
