/** The shapes of the query API’s answers, as JSON schemas: its OpenAPI document. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { z } from 'zod'
import { CONSISTENCY_SCHEMA, INCLUSION_SCHEMA, METER_KEY_SCHEMA } from '../../schemas/checkpoint/proof-formats.js'
import { LIMITS } from '../../schemas/limits.js'
import { PROOF_SCHEMA } from '../../schemas/proof-format.js'
import { SCOPE_MEANINGS, SCOPES } from './access/api-key.js'
import {
  array,
  DAMAGED,
  hash,
  INVALID,
  integer,
  json,
  object,
  orNull,
  problems,
  string,
  time,
  UNAVAILABLE,
} from './openapi-parts.js'

/** Readings of one page. */
export const PAGE = { most: 1_000, usual: 100 } as const

const tip = object({
  lane: integer('lane'),
  height: integer('height of its newest final block; 0: none yet'),
  hash: hash('hash of that block'),
  verdictHash: hash('what the validators agreed on, up to that block'),
  registrySize: integer('registry events under which that block was judged'),
  lastOffset: integer('last offset of readings that is covered; -1: none', -1),
})
const notCounted = array(
  object({ entry: integer('place in the block'), code: integer('code of the fault'), fault: string('its name') }),
  'entries that do not count',
)
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
  notCounted,
})
const votes = object({
  lane: integer('lane'),
  height: integer('height of the block', 1),
  votes: array(
    object({
      authority: string('who accepts it'),
      verdictHash: hash('what it says of this block and all before'),
      notCounted,
      record: string('the signed vote as it stands in the topic, without the schema registry’s prefix; hexadecimal'),
    }),
    'accepts of more than 2/3 of the weight, by authority',
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
const health = object({
  ready: { type: 'boolean', description: 'whether the tables are being written' },
  why: orNull(string('why not; null: they are')),
  lanes: array(
    object({
      lane: integer('lane'),
      height: integer('height of its newest final block; 0: none yet'),
      finalAt: orNull(time('when the log took the vote that made it final; null: none yet')),
    }),
    'how far the tables are, by lane',
  ),
  checkpoint: {
    oneOf: [
      object({
        size: integer('final blocks that it covers'),
        height: integer('its place', 1),
        finalAt: time('when it became final'),
      }),
      { type: 'null' },
    ],
    description: 'the newest one; null: none yet',
  },
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
  votes: {
    operationId: 'getVotes',
    summary: 'The votes that made a block final, with the signed originals',
    params: object({ ...laneParams, height: heightParam }),
    response: { 200: json(votes, 'The votes'), ...problems(INVALID, [404, 'No final block is there yet'], UNAVAILABLE) },
  },
  entry: {
    operationId: 'getEntry',
    summary: 'What an entry of a block says, and whether it counts, by its place',
    params: object({ ...laneParams, height: heightParam, entry: integer('place in the block, from 0') }),
    response: { 200: json(placed, 'The entry'), ...problems(INVALID, [404, 'It is not there'], DAMAGED, UNAVAILABLE) },
  },
  health: {
    operationId: 'getHealth',
    summary: 'How far the tables are',
    response: { 200: json(health, 'Health'), ...problems(UNAVAILABLE) },
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
      ...problems(
        INVALID,
        [404, 'One of them is none that is signed'],
        [422, 'The newer one is the smaller one'],
        DAMAGED,
        UNAVAILABLE,
      ),
    },
  },
  genesis: {
    operationId: 'getGenesis',
    summary: 'The genesis event',
    description: 'For convenience: whoever checks proofs should have it from somebody else, or compare its chain id.',
    response: { 200: json(genesis, 'A genesis file') },
  },
} as const

const INFO = {
  title: 'meterchain query',
  description:
    'What is final: usage points, meters, what they measured, bills, blocks, votes, checkpoints, proofs, repairs; read-only. Whole numbers are below 2^52; what is not whole is text, exact, and never went through a float. Times are ISO 8601 in UTC. Bytes are hexadecimal. Lists come by the page as JSON, or whole as NDJSON or CSV, by Accept. Problems are documents of RFC 9457. Within /v1 nothing is taken away or changes its meaning; more may come.',
  version: '1.1.0',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
}
const DENIED: [number, string][] = [
  [401, 'There is no valid key: Authorization: Bearer KEY'],
  [403, 'The key is not for this'],
]
const LIMITED: [number, string] = [429, 'Too many requests in a second; Retry-After says when to ask again']

/** The document; where keys are required it says which routes need one. */
export function openapiFor(areKeysRequired: boolean): FastifyDynamicSwaggerOptions {
  const scheme = {
    type: 'http',
    scheme: 'bearer',
    description: `Made by meterchain keys api add; for ${SCOPES.map((scope) => `${scope} (${SCOPE_MEANINGS[scope]})`).join('; ')}.`,
  } as const
  return {
    openapi: { openapi: '3.1.0', info: INFO, ...(areKeysRequired && { components: { securitySchemes: { key: scheme } } }) },
    transform: ({ schema, url, route }) => {
      if (schema === undefined || schema.hide === true) return { schema, url }
      const { scope } = route.config ?? {}
      const needsKey = areKeysRequired && scope !== undefined
      const response = { ...(schema.response as object), ...problems(...(needsKey ? DENIED : []), LIMITED) }
      return { schema: { ...schema, response, ...(needsKey && { security: [{ key: [scope] }] }) }, url }
    },
  }
}
