import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import { hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import { leafHash } from '../../schemas/merkle.js'
import { obisText } from '../../schemas/obis.js'
import { readEntry } from '../../schemas/reading.js'
import { decodeChainRecord, type Profile, type Reading, type Register } from '../../schemas/records.js'
import { sendImmutable, sendTagged } from './immutable.js'
import { blockAt, type Place, placeOf, recordOf } from './lookups.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface ReadingRoutesOptions {
  readonly database: ReadOnlyDatabase
  readonly logger: Logger
}

const isoSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString()

const profileJson = ({ obis, unit, scaler, start, step, values, quality }: Profile) => ({
  ...{ obis: obisText(obis), unit, scaler, start: isoSeconds(start), step, values },
  quality: quality.map(({ code, count }) => ({ code, count })),
})
const registerJson = ({ obis, unit, scaler, at, value }: Register) => ({
  ...{ obis: obisText(obis), unit, scaler, at: isoSeconds(at), value },
})
const contentJson = ({ meter, sequence, previous, sentAt, revises, profiles, registers }: Reading) => ({
  ...{ meter, sequence, previous: hex(previous), sentAt: new Date(sentAt).toISOString(), revises },
  profiles: profiles.map(profileJson),
  registers: registers.map(registerJson),
})

/** `GET /v1/readings/{leafHash}`, and the same by its place: what an entry says, read from its own bytes, not from rows. */
export async function readingRoutes(app: FastifyInstance, options: ReadingRoutesOptions): Promise<void> {
  const { database } = options
  app.get<{ Params: { leafHash: string } }>(
    '/v1/readings/:leafHash',
    { schema: ROUTE_SCHEMAS.reading, config: { scope: 'readings' } },
    async (request, reply) => {
      const leaf = Buffer.from(request.params.leafHash, 'hex')
      const place = await placeOf(database, leaf)
      if (place === undefined) return sendProblem(reply, 404, `no final block holds an entry of leaf hash ${hex(leaf)}`)
      const found = await entryAt(options, place)
      if (found?.leafHash !== hex(leaf)) return lost(reply, options, { ...place, leaf: hex(leaf) })
      // the same bytes may count elsewhere one day
      const send = found.fault === null ? sendImmutable : sendTagged
      return send(request, reply, `${found.blockHash}-${place.entry}`, found)
    },
  )
  app.get<{ Params: Place }>(
    '/v1/lanes/:lane/blocks/:height/entries/:entry',
    { schema: ROUTE_SCHEMAS.entry, config: { scope: 'readings' } },
    async (request, reply) => {
      const { lane, height, entry } = request.params
      const block = await blockAt(database, lane, height)
      if (block === undefined) return sendProblem(reply, 404, `no final block is at height ${height} of lane ${lane}`)
      if (entry >= block.count)
        return sendProblem(
          reply,
          404,
          `the block at height ${height} of lane ${lane} has ${block.count} entries, from 0: not ${entry}`,
        )
      const found = await entryAt(options, request.params)
      if (found === undefined) return lost(reply, options, request.params)
      return sendImmutable(request, reply, `${found.blockHash}-${entry}`, found)
    },
  )
}

function lost(reply: FastifyReply, { logger }: ReadingRoutesOptions, where: object): FastifyReply {
  logger.error(where, 'the database names a place where the entry is not: run meterchain audit')
  return sendProblem(reply, 500, 'this database names a place where the entry is not: its operator should run an audit')
}

/** Undefined where there is no such entry. */
async function entryAt({ database }: ReadingRoutesOptions, { lane, height, entry }: Place) {
  const block = await blockAt(database, lane, height)
  const bytes = entryOf(await recordOf(database, lane, height), entry)
  if (block === undefined || bytes === undefined) return undefined
  const code = block.notCounted.find((each) => each.entry === entry)?.code
  const read = readEntry(bytes)
  return {
    ...{ leafHash: hex(leafHash(bytes)), lane, height, entry, blockHash: hex(block.hash) },
    fault: code === undefined ? null : (faultOfCode(code)?.name ?? `code ${code}`),
    content: read.ok ? contentJson(read.signed.reading) : null,
  }
}

function entryOf(record: Buffer | undefined, entry: number): Buffer | undefined {
  const decoded = record && decodeChainRecord(record)
  return decoded?.kind === 'block' ? decoded.entries[entry] : undefined
}
