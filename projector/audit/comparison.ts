import type { ClientBase } from 'pg'
import QueryStream from 'pg-query-stream'
import type { Row, Table } from '../rows/tables.js'
import { compareRows, type Difference } from './compare.js'
import { compareKeys, render, selectRows, type TextRow } from './render.js'

/** What an audit has found so far, and the connection that it looks through. */
export class Comparison {
  readonly differences: Difference[] = []
  /** All of them, also those beyond the limit that are not named. */
  differenceCount = 0
  rowsCompared = 0

  constructor(
    private readonly client: ClientBase,
    private readonly limit: number,
  ) {}

  /** Compares what the log demands with the table’s rows of that condition, which is ours and holds nothing from outside. */
  async compare<R extends Row>(
    table: Table<R>,
    rows: readonly R[],
    where: string,
    parameters: readonly unknown[] = [],
  ): Promise<void> {
    const expected = rows.map((row) => render(table, row)).sort((a, b) => compareKeys(table, a, b))
    const stream = new QueryStream(selectRows(table, where), [...parameters], { rowMode: 'array', batchSize: 1_000 })
    const found: AsyncIterable<TextRow> = this.client.query(stream)
    this.rowsCompared += await compareRows(table, expected, found, (difference) => this.#report(difference))
  }

  #report(difference: Difference): void {
    this.differenceCount++
    if (this.differences.length < this.limit) this.differences.push(difference)
  }
}
