/** The shapes of the query API’s answers, as JSON schemas: its OpenAPI document. */
import { z } from 'zod'
import { CONSISTENCY_SCHEMA, INCLUSION_SCHEMA, METER_KEY_SCHEMA } from '../../schemas/checkpoint/proof-formats.js'
import { LIMITS } from '../../schemas/limits.js'
import { PROOF_SCHEMA } from '../../schemas/proof-format.js'
import { PROBLEM_TYPE } from './problem.js'

/** Readings of one page. */
export const PAGE = { most: 1_000, usual: 100 } as const

const string = (description: string) => ({ type: 'string', description })
const hash = (description: string) => ({ type: 'string', pattern: '^[0-9a-fA-F]{64}$', description })
const time = (description: string) => ({ type: 'string', format: 'date-time', description })
const integer = (description: string, minimum = 0, maximum: number = LIMITS.long) => ({
  ...{ type: 'integer', minimum, maximum, description },
})
const array = (items: object, description: string) => ({ type: 'array', items, description })
const object = (properties: Record<string, object>) => ({ type: 'object', properties, required: Object.keys(properties) })
const orNull = (schema: { type: string; description: string }) => ({ ...schema, type: [schema.type, 'null'] })

const tip = object({
  lane: integer('lane'),
  height: integer('height of its newest final block; 0: none yet'),
  hash: hash('hash of that block'),
  verdictHash: hash('what the validators agreed on, up to that block'),
  registrySize: integer('registry events under which that block was judged'),
  lastOffset: integer('last offset of readings that is covered; -1: none', -1),
})
const block = object({
  lane: integer('lane'),
  height: integer('place in the lane, from 1'),
  hash: hash('SHA-256 of the tagged header'),
  previous: hash('hash of the block before'),
  root: hash('RFC 6962 root of the entries'),
  verdictHash: hash('what the validators agreed on, this block and all before'),
  count: integer('number of entries'),
  counted: integer('number of entries that count'),
  registrySize: integer('registry events under which the entries were judged'),
  sourceEpoch: integer('epoch of readings that it covers'),
  firstOffset: integer('first offset of readings that it covers'),
  lastOffset: integer('last offset that it covers; firstOffset - 1: none', -1),
  sealedAt: time('by the clock of its proposer'),
  finalAt: time('when the log took the vote that made it final'),
  proposer: string('authority that sealed it'),
  attempt: integer('attempt at this height'),
  votes: array({ type: 'string' }, 'authorities whose accepts made it final'),
  notCounted: array(
    object({ entry: integer('place in the block'), code: integer('code of the fault'), fault: string('its name') }),
    'entries that do not count',
  ),
})
const reading = object({
  sequence: integer('the meter’s number of the message', 1),
  leafHash: hash('names it for ever: asks for its proof'),
  lane: integer('lane of its block'),
  height: integer('height of its block', 1),
  entry: integer('its place in the block'),
  sentAt: time('by the meter’s clock'),
  revises: orNull(integer('the sequence that it corrects; null: none')),
})
const meter = object({
  meter: string('the meter’s id'),
  number: integer('place in the order of enrolment', 1),
  lane: integer('lane of its readings'),
  signer: string('who holds its key: device, gateway or importer'),
  keys: array(
    object({
      key: hash('Ed25519 public key'),
      fromSequence: integer('it counts from this sequence on'),
      since: integer('registry size at which it began to hold'),
    }),
    'in the order in which they were registered',
  ),
  retiredFrom: orNull(integer('from this sequence on nothing counts; null: in use')),
  usagePoints: array(
    object({
      id: string('the usage point’s id'),
      zone: string('IANA time zone'),
      feeder: string('feeder'),
      region: string('region'),
      plan: string('tariff plan'),
      validFrom: time('from then on'),
    }),
    'as they were assigned; of those with one start the last holds',
  ),
  newest: { oneOf: [reading, { type: 'null' }], description: 'the counted reading of the highest sequence; null: none yet' },
})
const quantity = {
  obis: string('OBIS code A-B:C.D.E*F'),
  unit: integer('DLMS unit: 30 Wh, 32 varh, 27 W'),
  scaler: integer('power of ten: value * 10^scaler unit', -LIMITS.scaler, LIMITS.scaler),
}
const value = integer('raw integer', -LIMITS.long)
const content = object({
  meter: string('the meter id that it gives'),
  sequence: integer('the meter’s number of the message', 1),
  previous: hash('leaf hash of the message that it links to; zeros: the first'),
  sentAt: time('by the meter’s clock'),
  revises: orNull(integer('the sequence that it corrects; null: none')),
  profiles: array(
    object({
      ...quantity,
      start: time('start of the first interval'),
      step: integer('length of an interval, seconds', 1),
      values: array(value, 'one for each interval'),
      quality: array(object({ code: integer('ESPI quality'), count: integer('intervals', 1) }), 'in runs; none: all are valid'),
    }),
    'interval data',
  ),
  registers: array(object({ ...quantity, at: time('when it was read'), value }), 'register readings'),
})
const placed = object({
  leafHash: hash('names it for ever: asks for its proof'),
  lane: integer('lane of its block'),
  height: integer('height of its block', 1),
  entry: integer('its place in the block'),
  blockHash: hash('hash of that block'),
  fault: orNull(string('why it does not count; null: it counts')),
  content: { oneOf: [content, { type: 'null' }], description: 'what it says; null: it cannot be read' },
})
const genesis = object({
  version: integer('1', 1),
  chainId: hash('the chain’s id'),
  network: string('name of the network'),
  lanes: integer('number of lanes'),
  event: string('record of the genesis event, hexadecimal: all that a check of proofs has to trust'),
})

function schemaOf(form: z.ZodType): object {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(form, { target: 'draft-2020-12' })
  return schema
}

const json = (schema: object, description: string) => ({ description, content: { 'application/json': { schema } } })
const problem = object({
  type: string('about:blank'),
  title: string('the status in words'),
  status: integer('HTTP status'),
  detail: string('what was wrong with this request'),
})
const problems = (...statuses: [number, string][]) =>
  Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, content: { [PROBLEM_TYPE]: { schema: problem } } }]),
  )
const INVALID: [number, string] = [400, 'A parameter is not of its form']
const UNAVAILABLE: [number, string] = [503, 'The database is away or busy; Retry-After says when to ask again']

const DAMAGED: [number, string] = [500, 'What this database holds does not prove it']
const NOTE =
  'C2SP signed note (https://c2sp.org/tlog-checkpoint): the text, and a line of each authority and of each configured witness that signed it.'
const text = (description: string) => ({ description, content: { 'text/plain': { schema: string('the note') } } })
const sizeParam = integer('size of the checkpoint')

const laneParams = { lane: integer('lane', 0, LIMITS.lanes - 1) }
const meterParams = object({ id: { ...string('meter id'), pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$' } })
const heightParam = integer('height', 1)

export const ROUTE_SCHEMAS = {
  lanes: {
    operationId: 'getLanes',
    summary: 'All lanes and their newest final blocks',
    response: {
      200: json(object({ chainId: hash('the chain'), lanes: array(tip, 'by lane') }), 'Tips'),
      ...problems(UNAVAILABLE),
    },
  },
  lane: {
    operationId: 'getLane',
    summary: 'A lane and its newest final block',
    params: object(laneParams),
    response: { 200: json(tip, 'Its tip'), ...problems(INVALID, [404, 'There is no such lane'], UNAVAILABLE) },
  },
  blockAt: {
    operationId: 'getBlockAt',
    summary: 'A final block by its place',
    params: object({ ...laneParams, height: heightParam }),
    response: { 200: json(block, 'The block'), ...problems(INVALID, [404, 'No final block is there yet'], UNAVAILABLE) },
  },
  block: {
    operationId: 'getBlock',
    summary: 'A final block by its hash',
    params: object({ hash: hash('block hash') }),
    response: { 200: json(block, 'The block'), ...problems(INVALID, [404, 'No final block has this hash'], UNAVAILABLE) },
  },
  meter: {
    operationId: 'getMeter',
    summary: 'What the registry says of a meter, and its newest reading',
    params: meterParams,
    response: { 200: json(meter, 'The meter'), ...problems(INVALID, [404, 'No such meter is enrolled'], UNAVAILABLE) },
  },
  readings: {
    operationId: 'getReadings',
    summary: 'Readings of a meter that count, by sequence',
    params: meterParams,
    querystring: {
      type: 'object',
      properties: {
        after: { ...integer('sequences above this one'), default: 0 },
        limit: { ...integer('how many at most', 1, PAGE.most), default: PAGE.usual },
      },
      additionalProperties: false,
    },
    response: {
      200: json(
        object({
          meter: string('the meter’s id'),
          readings: array(reading, 'in rising order'),
          next: orNull(integer('`after` of the next page; null: this was the last for now')),
        }),
        'A page',
      ),
      ...problems(INVALID, [404, 'No such meter is enrolled'], UNAVAILABLE),
    },
  },
  reading: {
    operationId: 'getReading',
    summary: 'What an entry says, and whether it counts',
    description: 'Read from its bytes in its block. Where it does not count, nothing in it is proven.',
    params: object({ leafHash: hash('leaf hash of the entry') }),
    response: {
      200: json(placed, 'The reading'),
      ...problems(INVALID, [404, 'No final block holds it'], [500, 'This database was changed'], UNAVAILABLE),
    },
  },
  proof: {
    operationId: 'getProof',
    summary: 'All that an offline check of one entry needs, but the genesis',
    description:
      'Of several blocks that hold the same bytes, the one in which they count is taken. Where a signed checkpoint covers the block, the path to the first one comes with it.',
    params: object({ leafHash: hash('leaf hash of the entry') }),
    response: {
      200: json(schemaOf(PROOF_SCHEMA), 'For `meterchain verify --proof FILE`'),
      ...problems(INVALID, [404, 'No final block holds it'], [500, 'What this database holds does not prove it'], UNAVAILABLE),
    },
  },
  meterProof: {
    operationId: 'getMeterProof',
    summary: 'The meter’s keys in the registry that a final block names',
    description: 'A newest block is taken, rather one that a signed checkpoint covers.',
    params: meterParams,
    response: {
      200: json(schemaOf(METER_KEY_SCHEMA), 'For `meterchain verify --proof FILE`'),
      ...problems(INVALID, [404, 'Not enrolled, or not in a final block’s registry yet'], DAMAGED, UNAVAILABLE),
    },
  },
  latestCheckpoint: {
    operationId: 'getLatestCheckpoint',
    summary: 'The newest checkpoint that authorities of more than 2/3 of the weight signed',
    description: NOTE,
    response: { 200: text('The signed note'), ...problems([404, 'There is none yet'], DAMAGED, UNAVAILABLE) },
  },
  checkpoint: {
    operationId: 'getCheckpoint',
    summary: 'A checkpoint by its size',
    description: `${NOTE} The text never changes; lines may come.`,
    params: object({ size: sizeParam }),
    response: { 200: text('The signed note'), ...problems(INVALID, [404, 'None of that size is signed'], DAMAGED, UNAVAILABLE) },
  },
  inclusion: {
    operationId: 'getInclusion',
    summary: 'That a checkpoint covers a final block',
    params: object({ size: sizeParam, ...laneParams, height: heightParam }),
    response: {
      200: json(schemaOf(INCLUSION_SCHEMA), 'For `meterchain verify --proof FILE`'),
      ...problems(INVALID, [404, 'There is no such checkpoint, or it does not cover the block'], DAMAGED, UNAVAILABLE),
    },
  },
  consistency: {
    operationId: 'getConsistency',
    summary: 'That one checkpoint goes on from another',
    params: object({ size: sizeParam, newer: integer('size of the newer one') }),
    response: {
      200: json(schemaOf(CONSISTENCY_SCHEMA), 'For `meterchain verify --proof FILE`'),
      ...problems(INVALID, [404, 'One of them is none that is signed'], DAMAGED, UNAVAILABLE),
    },
  },
  genesis: {
    operationId: 'getGenesis',
    summary: 'The genesis event',
    description: 'For convenience: whoever checks proofs should have it from somebody else, or compare its chain id.',
    response: { 200: json(genesis, 'A genesis file') },
  },
} as const

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'meterchain query',
    description:
      'Final blocks, meters, readings and proofs, read-only. Integers are below 2^52. Problems are documents of RFC 9457. Bytes are hexadecimal.',
    version: '1.0.0',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
} as const
