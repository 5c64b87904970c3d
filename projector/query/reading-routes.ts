import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { equalBytes, hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import { leafHash } from '../../schemas/merkle.js'
import { obisText } from '../../schemas/obis.js'
import { readEntry } from '../../schemas/reading.js'
import { decodeChainRecord, type Profile, type Reading, type Register } from '../../schemas/records.js'
import { sendImmutable, sendTagged } from './immutable.js'
import { blockAt, placeOf, recordOf } from './lookups.js'
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

/** `GET /v1/readings/{leafHash}`: what an entry says, read from its own bytes, not from rows. */
export async function readingRoutes(app: FastifyInstance, { database, logger }: ReadingRoutesOptions): Promise<void> {
  app.get<{ Params: { leafHash: string } }>(
    '/v1/readings/:leafHash',
    { schema: ROUTE_SCHEMAS.reading },
    async (request, reply) => {
      const leaf = Buffer.from(request.params.leafHash, 'hex')
      const place = await placeOf(database, leaf)
      if (place === undefined) return sendProblem(reply, 404, `no final block holds an entry of leaf hash ${hex(leaf)}`)
      const { lane, height, entry } = place
      const block = await blockAt(database, lane, height)
      const bytes = entryOf(await recordOf(database, lane, height), entry)
      if (block === undefined || bytes === undefined || !equalBytes(leafHash(bytes), leaf)) {
        logger.error({ ...place, leaf: hex(leaf) }, 'the database names a place where the entry is not: run meterchain audit')
        return sendProblem(reply, 500, 'this database names a place where the entry is not: its operator should run an audit')
      }
      const code = block.notCounted.find((each) => each.entry === entry)?.code
      const read = readEntry(bytes)
      const body = {
        ...{ leafHash: hex(leaf), lane, height, entry, blockHash: hex(block.hash) },
        fault: code === undefined ? null : (faultOfCode(code)?.name ?? `code ${code}`),
        content: read.ok ? contentJson(read.signed.reading) : null,
      }
      const send = code === undefined ? sendImmutable : sendTagged
      return send(request, reply, `${hex(block.hash)}-${entry}`, body)
    },
  )
}

function entryOf(record: Buffer | undefined, entry: number): Buffer | undefined {
  const decoded = record && decodeChainRecord(record)
  return decoded?.kind === 'block' ? decoded.entries[entry] : undefined
}
