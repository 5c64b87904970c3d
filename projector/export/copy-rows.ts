/** The rows of a choice into a file, in its order: while some are written, the server finds the next. */
import type pg from 'pg'
import { type Choice, selectOf, selectPoints } from './choose.js'
import type { Row, RowFile } from './row-file.js'

/** How far an export is. */
export interface Done {
  readonly done: number
  readonly total: number
  readonly of: 'rows' | 'usage points'
  /** Rows that are written. */
  readonly rows: number
}

/** Rows that are fetched at once. */
const FETCH_ROWS = 5_000

/** Views of a row for each interval are asked for one usage point after the other, which the server sorts in its memory. */
const BY_POINT: ReadonlySet<string> = new Set(['intervals', 'interval_revisions'])

type OnProgress = (done: Done) => void

/** In a transaction, of which nothing else is asked meanwhile. Gives the number of rows. */
export async function copyRows(client: pg.ClientBase, choice: Choice, file: RowFile, onProgress: OnProgress): Promise<number> {
  // all rows are asked for, not the first tenth; a sort may take some memory before it goes to the server's disk
  await client.query("SET LOCAL cursor_tuple_fraction = 1; SET LOCAL work_mem = '64MB'; SET LOCAL statement_timeout = 0")
  return (BY_POINT.has(choice.view) ? copyByPoint : copyAtOnce)(client, choice, file, onProgress)
}

async function copyAtOnce(client: pg.ClientBase, choice: Choice, file: RowFile, onProgress: OnProgress): Promise<number> {
  const cursor = new Cursor(client, 'exported')
  const total = await cursor.openCounted(selectOf(choice))
  return drain(cursor, file, (rows) => onProgress({ done: rows, total, of: 'rows', rows }))
}

async function copyByPoint(client: pg.ClientBase, choice: Choice, file: RowFile, onProgress: OnProgress): Promise<number> {
  const points = new Cursor(client, 'points')
  const total = await points.openCounted(selectPoints(choice.range))
  let [done, rows] = [0, 0]
  const tell = (more: number) => onProgress({ done, total, of: 'usage points', rows: rows + more })
  for (let some = await points.fetch(); some.length > 0; some = await points.fetch()) {
    for (const [point] of some) {
      const cursor = new Cursor(client, 'exported')
      await cursor.open(selectOf({ ...choice, range: { ...choice.range, points: [point ?? ''] } }))
      rows += await drain(cursor, file, tell)
      done++
    }
  }
  tell(0)
  return rows
}

/** Gives the number of rows. */
async function drain(cursor: Cursor, file: RowFile, tell: (rows: number) => void): Promise<number> {
  let written = 0
  let rows = await cursor.fetch()
  while (rows.length > 0) {
    const fetched = rows.length < FETCH_ROWS ? [] : cursor.fetch()
    const [next] = await Promise.all([fetched, file.write(rows)])
    written += rows.length
    tell(written)
    rows = next
  }
  await cursor.close()
  return written
}

const TEXTS = { getTypeParser: () => (value: string) => value } as never

/** A cursor of the server, of one transaction. */
class Cursor {
  constructor(
    private readonly client: pg.ClientBase,
    private readonly name: string,
  ) {}

  open = (select: string): Promise<unknown> => this.client.query(`DECLARE ${this.name} NO SCROLL CURSOR FOR ${select}`)

  /** Gives the number of rows, which the server has found and kept. */
  async openCounted(select: string): Promise<number> {
    await this.client.query(`DECLARE ${this.name} SCROLL CURSOR FOR ${select}`)
    const { rowCount } = await this.client.query(`MOVE FORWARD ALL IN ${this.name}`)
    await this.client.query(`MOVE ABSOLUTE 0 IN ${this.name}`)
    return rowCount ?? 0
  }

  /** The next rows, FETCH_ROWS unless they are the last; none: all were fetched. */
  async fetch(): Promise<Row[]> {
    const text = `FETCH FORWARD ${FETCH_ROWS} FROM ${this.name}`
    return (await this.client.query<(string | null)[]>({ text, rowMode: 'array', types: TEXTS })).rows
  }

  close = (): Promise<unknown> => this.client.query(`CLOSE ${this.name}`)
}
