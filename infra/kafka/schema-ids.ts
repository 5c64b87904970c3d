/** The ids by which the schema registry knows our records. Other tools need them to read the topics; we do not, so a registry server
 *  that is away delays a first start and nothing else: ids, once known, are kept in a file. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import type { Logger } from 'pino'
import { z } from 'zod'
import { AVRO_SCHEMAS, type RecordName } from '../../schemas/avsc.js'
import { hex } from '../../schemas/bytes.js'
import { TransientError } from '../../schemas/errors.js'
import { sha256 } from '../../schemas/hash.js'
import type { Config } from '../config.js'

const MAGIC = 0
const PREFIX_BYTES = 5

export class SchemaIds {
  private readonly prefixes: ReadonlyMap<string, Buffer>

  constructor(ids: Readonly<Record<string, number>>) {
    this.prefixes = new Map(Object.entries(ids).map(([name, id]) => [name, prefixOf(id)]))
  }

  /** A record as it stands in its topic: magic byte, schema id, Avro. Throws RangeError where no id is known for the record. */
  frame(recordName: RecordName, body: Buffer): Buffer {
    const prefix = this.prefixes.get(recordName)
    if (prefix === undefined) throw new RangeError(`no schema id is known for ${recordName}`)
    return Buffer.concat([prefix, body])
  }
}

function prefixOf(id: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt8(MAGIC, 0)
  prefix.writeUInt32BE(id, 1)
  return prefix
}

/** Where an enumeration has grown, readers of the schema before cannot read what is new, so a server refuses it under one subject with
 *  that: it has a subject of its own. Records name their schema by its id, so nobody who reads them notices. */
const GROWN: Partial<Record<RecordName, string>> = { Repair: '.2' }

/** Subjects are the records' full names: a topic holds several kinds (Confluent's RecordNameStrategy). */
export const subjectOf = (recordName: RecordName): string => `meterchain.${recordName}${GROWN[recordName] ?? ''}`

/** Another text of the schemas, or another server, has other ids. */
const fingerprint = (url: string): string => hex(sha256(Buffer.from(`${url}\n${JSON.stringify(AVRO_SCHEMAS)}`)))
const kept = z.object({ fingerprint: z.string(), ids: z.record(z.string(), z.number().int().min(1)) })
const keptFile = (home: string): string => join(home, 'state', 'schema-ids.json')

/** Registers all records under compatibility FULL_TRANSITIVE. With the server away, the ids of the last time; without these it
 *  rejects with TransientError. */
export async function registerSchemas(config: Pick<Config, 'registryUrl' | 'home'>, logger: Logger): Promise<SchemaIds> {
  const file = keptFile(config.home)
  try {
    const ids = await register(config.registryUrl)
    await keep(file, { fingerprint: fingerprint(config.registryUrl), ids })
    return new SchemaIds(ids)
  } catch (error) {
    const known = await readKept(file)
    if (known?.fingerprint !== fingerprint(config.registryUrl)) {
      throw new TransientError(`the schema registry at ${config.registryUrl} does not register our schemas: ${String(error)}`, {
        cause: error,
      })
    }
    logger.warn({ err: error, url: config.registryUrl }, 'the schema registry is away; the ids of the last time are used')
    return new SchemaIds(known.ids)
  }
}

async function register(host: string): Promise<Record<string, number>> {
  const registry = new SchemaRegistry({ host, retry: { retries: 3 } })
  const ids: Record<string, number> = {}
  for (const name of Object.keys(AVRO_SCHEMAS) as RecordName[]) {
    const schema = { type: SchemaType.AVRO as const, schema: JSON.stringify(AVRO_SCHEMAS[name]) }
    ids[name] = await registered(() =>
      registry.register(schema, { subject: subjectOf(name), compatibility: 'FULL_TRANSITIVE' as never }),
    )
  }
  return ids
}

/** Where several bring one new schema at the same moment, Apicurio tells all but one that it exists already: then it does. */
async function registered(register: () => Promise<{ id: number }>, tries = 5): Promise<number> {
  try {
    return (await register()).id
  } catch (error) {
    if (tries === 1 || !/already exists/.test(String(error))) throw error
    return registered(register, tries - 1)
  }
}

/** Whole or not at all: several stages write it. */
async function keep(file: string, value: z.infer<typeof kept>): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const part = `${file}.${randomUUID()}`
  await writeFile(part, JSON.stringify(value))
  await rename(part, file)
}

async function readKept(file: string): Promise<z.infer<typeof kept> | undefined> {
  try {
    return kept.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined // none was kept, or it is of no use: the caller says what is in the way
  }
}
