import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problem.js'
import type { ReadOnlyDatabase, TextRow } from '../read-only.js'
import { LISTS } from './all.js'
import { cursorOf, keyOf } from './cursor.js'
import { csvHeader, csvLine, type Format, formatFor, jsonLine, MEDIA_TYPES, objectOf } from './formats.js'
import { columnsOf, type List, statementOf, type Values } from './list.js'
import { ROWS, schemaOfList, WRONG_CURSOR } from './schemas.js'
import { bodyOf } from './stream.js'

export interface ListRoutesOptions {
  readonly database: ReadOnlyDatabase
}

interface Asked {
  readonly Params: Values
  readonly Querystring: Values & { readonly limit?: number; readonly cursor?: string }
}

export async function listRoutes(app: FastifyInstance, { database }: ListRoutesOptions): Promise<void> {
  for (const list of LISTS) {
    const options = { schema: schemaOfList(list), config: { scope: list.scope } }
    app.get<Asked>(list.path, options, (request, reply) => answer(list, database, request, reply))
  }
}

async function answer(
  list: List,
  database: ReadOnlyDatabase,
  { method, headers, params, query }: FastifyRequest<Asked>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { limit, cursor, ...asked } = query
  void reply.header('vary', 'accept').header('cache-control', 'no-cache')
  const format = formatFor(headers.accept)
  if (format === undefined) return sendProblem(reply, 406, `accept one of ${Object.values(MEDIA_TYPES).join(', ')}`)
  const after = cursor === undefined ? undefined : keyOf(cursor, list.order.length)
  if (cursor !== undefined && after === undefined) return sendProblem(reply, 422, WRONG_CURSOR)
  const range = list.mostDays === undefined ? undefined : faultOfRange(asked, list.mostDays)
  if (range !== undefined) return sendProblem(reply, 422, range)
  if (list.within !== undefined) {
    const found = await database.textRows(list.within.exists, Object.values(params).map(String))
    if (found.length === 0) return sendProblem(reply, 404, list.within.missing(params))
  }
  const values = { ...params, ...asked }
  if (format === 'json') return reply.send(await page(list, database, values, after, Math.min(limit ?? ROWS.usual, ROWS.most)))
  void reply.type(format === 'csv' ? `${MEDIA_TYPES.csv}; charset=utf-8; header=present` : MEDIA_TYPES.ndjson)
  if (method === 'HEAD') return reply.send()
  return reply.send(await stream(list, database, statementOf(list, values, { after, limit }), format))
}

const DAY_MILLIS = 86_400_000

function faultOfRange({ from, to }: Values, mostDays: number): string | undefined {
  const days = (Date.parse(String(to)) - Date.parse(String(from))) / DAY_MILLIS
  if (days <= 0) return `the range ends (${to}) before it begins (${from}): from must be before to`
  return days > mostDays
    ? `from ${from} to ${to} are more than ${mostDays} days: ask for less at a time, or for one usage point`
    : undefined
}

async function page(
  list: List,
  database: ReadOnlyDatabase,
  values: Values,
  after: readonly string[] | undefined,
  limit: number,
): Promise<object> {
  const columns = columnsOf(list)
  // one more than is given tells whether there is a next page
  const { text, values: bound } = statementOf(list, values, { after, limit: limit + 1 })
  const rows = await database.textRows(text, bound, list.isCostly)
  const given = rows.slice(0, limit)
  const last = rows.length > limit ? given.at(-1) : undefined
  return {
    items: given.map((row) => objectOf(columns, row)),
    next: last === undefined ? null : cursorOf(last.slice(columns.length)),
  }
}

/** The first row is waited for: what is wrong until then is told as a problem, not by a connection that is cut. */
async function stream(list: List, database: ReadOnlyDatabase, { text, values }: ReturnType<typeof statementOf>, format: Format) {
  const columns = columnsOf(list)
  const rows = await database.open(text, values)
  try {
    const first = await rows.next()
    const isCsv = format === 'csv'
    const line = (row: TextRow) => (isCsv ? csvLine(columns, row) : jsonLine(columns, row))
    return bodyOf({ rows, first, line, head: isCsv ? csvHeader(columns) : '' })
  } catch (error) {
    rows.close()
    throw error
  }
}
