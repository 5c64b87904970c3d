/** The OpenAPI side of a list. */
import { array, INVALID, integer, json, object, problems, string, UNAVAILABLE } from '../openapi-parts.js'
import { MEDIA_TYPES } from './formats.js'
import { GLOSSARY } from './glossary.js'
import { KIND_SCHEMAS } from './kinds.js'
import { type Column, columnsOf, type List, type Parameter } from './list.js'

/** Rows of one page, and of a stream. */
export const ROWS = { most: 1_000, usual: 100, ofStream: 10_000_000 } as const

export const WRONG_CURSOR = 'the cursor is not one that this list gave: ask for the first page, without a cursor'

export const LIST_QUERY = {
  limit: {
    ...integer('how many rows at most: a page has 100 if it is not said and 1,000 at most, NDJSON and CSV all', 1, ROWS.ofStream),
  },
  cursor: {
    ...string('`next` of the page before: goes on after its last row'),
    ...{ minLength: 1, maxLength: 2_000, pattern: '^[A-Za-z0-9_-]+$' },
  },
}

const parameters = (given: Readonly<Record<string, Parameter>>) =>
  Object.fromEntries(Object.entries(given).map(([name, { kind, description }]) => [name, { ...kind.schema, description }]))

function columnSchema({ name, kind, isNullable }: Column): object {
  const schema: object = KIND_SCHEMAS[kind]
  const type = 'type' in schema && isNullable ? { type: [schema.type, 'null'] } : {}
  return { ...schema, ...type, description: GLOSSARY[name].description }
}

const rowSchema = (list: List) => object(Object.fromEntries(columnsOf(list).map((column) => [column.name, columnSchema(column)])))
const MISSING: [number, string] = [404, 'There is no such thing']

/** Of a route that gives one row. */
export const schemaOfItem = (list: List): object => ({
  ...{ operationId: list.operationId, summary: list.summary, params: object(parameters(list.of ?? {})) },
  response: { 200: json(rowSchema(list), 'The row'), ...problems(INVALID, MISSING, UNAVAILABLE) },
})

export function schemaOfList(list: List): object {
  const row = rowSchema(list)
  const next = { ...string('`cursor` of the next page; null: this was the last for now'), type: ['string', 'null'] }
  const page = object({ items: array(row, 'in the order of the list'), next })
  const required = Object.entries(list.query).flatMap(([name, { isRequired }]) => (isRequired ? [name] : []))
  const faults: [number, string][] = [
    INVALID,
    ...(list.within === undefined ? [] : [MISSING]),
    [406, 'Accept names no form that is served'],
    [
      422,
      `The cursor is not one of this list${list.mostDays === undefined ? '' : ', or the range is too long, or ends before it begins'}`,
    ],
    UNAVAILABLE,
  ]
  return {
    operationId: list.operationId,
    summary: list.summary,
    ...(list.description !== undefined && { description: list.description }),
    ...(list.of !== undefined && { params: object(parameters(list.of)) }),
    querystring: {
      ...{ type: 'object', properties: { ...parameters(list.query), ...LIST_QUERY }, required },
      additionalProperties: false,
    },
    response: {
      200: {
        description: 'JSON: a page. NDJSON, CSV: all rows, or the connection is cut',
        content: {
          [MEDIA_TYPES.json]: { schema: page },
          [MEDIA_TYPES.ndjson]: { schema: string('a row as JSON in each line') },
          [MEDIA_TYPES.csv]: { schema: string('a line of names, then a row in each line; RFC 4180') },
        },
      },
      ...problems(...faults),
    },
  }
}
