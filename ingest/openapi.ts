/** The shapes of the door's answers and requests, as JSON schemas: fastify writes answers by them, and they are its OpenAPI document. */
import { LIMITS } from '../schemas/limits.js'
import { jsonReadingSchema } from './json-reading.js'
import { MEDIA_TYPES } from './parse.js'
import { PROBLEM_TYPE } from './problem.js'

const string = (description: string) => ({ type: 'string', description })
const integer = (description: string) => ({ type: 'integer', description })
const array = (items: object, description?: string) => ({ type: 'array', items, ...(description && { description }) })
const object = (properties: Record<string, object>, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
})

const range = object({ from: integer('first sequence'), to: integer('last sequence') })
const refusal = object({
  index: integer('place of the reading in the request, from 0'),
  fault: string('code of the fault'),
  detail: string('what was wrong, with the values'),
  remedy: string('what the sender can do'),
})
const receipt = object({
  index: integer('place of the reading in the request, from 0'),
  leafHash: string('RFC 6962 leaf hash of the reading, hexadecimal: names it for ever'),
  lane: integer('the lane that it went into'),
})
const resend = array(
  object({ meter: string('meter id'), from: integer('first sequence'), to: integer('last sequence') }),
  'what meters of this request should send again, in rising order',
)

const receipts = object({
  accepted: integer('readings that Kafka has acknowledged'),
  refused: integer('readings that were refused'),
  receipts: array(receipt),
  refusals: array(refusal),
  resend,
})
const problem = object(
  {
    type: string('URN of the fault'),
    title: string('what the fault means'),
    status: integer('HTTP status'),
    detail: string('what was wrong with this request'),
    fault: string('code of the fault'),
    remedy: string('what the sender can do'),
    refusals: array(refusal),
    resend,
  },
  ['type', 'title', 'status', 'detail'],
)
const place = {
  sequence: integer('highest sequence that counts; 0: none yet'),
  hash: string('leaf hash of that reading, hexadecimal; zeros: none yet'),
  gaps: array(range, 'sequences below that do not count'),
}
const reset = object({
  sequence: integer('sequence of the next reading'),
  previous: string('what that reading links to, hexadecimal'),
  before: object(place),
})
const head = object({
  meter: string('meter id'),
  lane: integer('its lane'),
  ...place,
  resend: array(range, 'what to send again, in rising order'),
  reset: {
    description: 'where the meter goes on after a reset, as long as nothing after that counts, and how far it counts before',
    oneOf: [reset, { type: 'null' }],
  },
})
const heads = object({ heads: array(head), unknown: array({ type: 'string' }, 'ids of which no meter is enrolled') })

const problems = (...statuses: [number, string][]) =>
  Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, content: { [PROBLEM_TYPE]: { schema: problem } } }]),
  )
const json = (schema: object, description: string) => ({ description, content: { 'application/json': { schema } } })
const NOT_NOW: [number, string][] = [
  [429, 'More came from this address than its limit; Retry-After says when to go on'],
  [503, 'The door holds as much as it can, the log does not answer, or the door is closing; Retry-After says when to go on'],
]

export const ROUTE_SCHEMAS = {
  readings: {
    operationId: 'postReadings',
    summary: 'Takes signed readings into the log',
    description: `One reading, or up to ${LIMITS.readingsPerRecord} of any meters. The answer comes when Kafka has acknowledged all that were accepted.`,
    body: {
      content: {
        [MEDIA_TYPES.reading]: { schema: { description: 'One SignedReading, Avro', type: 'string', format: 'binary' } },
        [MEDIA_TYPES.readings]: { schema: { description: 'One Readings record, Avro', type: 'string', format: 'binary' } },
        [MEDIA_TYPES.json]: { schema: { oneOf: [jsonReadingSchema(), array(jsonReadingSchema())] } },
      },
    },
    response: {
      202: json(receipts, 'At least one reading was accepted'),
      ...problems(
        [400, 'All were refused: not of the form'],
        [413, 'Too large'],
        [415, 'Not of a media type that the door knows'],
        [422, 'All were refused: unknown or retired meter, or the signature does not hold'],
        ...NOT_NOW,
      ),
    },
  },
  head: {
    operationId: 'getHead',
    summary: 'How far a meter’s readings count, and what it should send again',
    params: object({ id: string('meter id') }),
    response: {
      200: json(head, 'By the newest final block'),
      ...problems([404, 'No such meter is enrolled'], ...NOT_NOW),
    },
  },
  heads: {
    operationId: 'postHeads',
    summary: 'The heads of many meters',
    body: object({ meters: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 10_000 } }),
    response: {
      200: json(heads, 'In the order of the request'),
      ...problems([400, 'Not of the form'], [413, 'Too large'], [415, 'Not JSON'], ...NOT_NOW),
    },
  },
} as const

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'meterchain ingest',
    description: 'The door: signed readings in, meter heads out. Problems are documents of RFC 9457.',
    version: '1.0.0',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
} as const
