/** The JSON form of a signed reading, for people trying it out: the record of schemas/avsc.ts with its bytes as hexadecimal, an
 *  OBIS code as text ("1-0:1.8.0*255") or hexadecimal, and empty lists left out. What is signed stays the Avro bytes. */
import { z } from 'zod'
import { VERSION } from '../schemas/avsc.js'
import { fromHex } from '../schemas/bytes.js'
import { HASH_BYTES } from '../schemas/hash.js'
import { LIMITS } from '../schemas/limits.js'
import { encodeReading, SIGNATURE_BYTES } from '../schemas/records.js'

const OBIS = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})\*(\d{1,3})$/
const OBIS_BYTES = 6

const int = () => z.int32()
const long = () => z.int().min(-LIMITS.long).max(LIMITS.long)
const hexOf = (bytes: number, description: string) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-fA-F]{${bytes * 2}}$`), `must be ${bytes} bytes in hexadecimal`)
    .describe(description)
    .transform((text) => fromHex(text, bytes))
const obis = () =>
  z
    .string()
    .describe('OBIS code, as 1-0:1.8.0*255 or six bytes in hexadecimal')
    .transform((text, context) => {
      const bytes = obisBytes(text)
      if (bytes === undefined) context.addIssue({ code: 'custom', message: 'must be an OBIS code such as 1-0:1.8.0*255' })
      return bytes ?? z.NEVER
    })

/** Six bytes of an OBIS code's text, or undefined where it is none. */
export function obisBytes(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{12}$/.test(text)) return fromHex(text, OBIS_BYTES)
  const groups = OBIS.exec(text)?.slice(1).map(Number)
  return groups?.every((group) => group <= 255) ? Buffer.from(groups) : undefined
}

const profile = z.strictObject({
  obis: obis(),
  unit: int().describe('DLMS unit: 30 is Wh'),
  scaler: int().describe('power of ten'),
  start: long().describe('start of the first interval, seconds since 1970-01-01T00:00:00Z'),
  step: int().describe('length of an interval, seconds'),
  values: z.array(long()).max(LIMITS.valuesPerProfile),
  quality: z
    .array(z.strictObject({ code: int(), count: int() }))
    .max(LIMITS.valuesPerProfile)
    .default([])
    .describe('ESPI quality codes in runs'),
})
const register = z.strictObject({ obis: obis(), unit: int(), scaler: int(), at: long(), value: long() })
const signedReading = z.strictObject({
  reading: z.strictObject({
    version: z.literal(VERSION.reading).default(VERSION.reading),
    meter: z.string().max(LIMITS.idBytes),
    sequence: long().describe('from 1, one more for each message'),
    previous: hexOf(HASH_BYTES, 'leaf hash of this meter’s message before; zeros for the first'),
    sentAt: long().describe('milliseconds since 1970-01-01T00:00:00Z'),
    profiles: z.array(profile).max(LIMITS.profilesPerReading).default([]),
    registers: z.array(register).max(LIMITS.registersPerReading).default([]),
    revises: long().nullable().default(null).describe('the sequence that this message corrects'),
  }),
  signature: hexOf(SIGNATURE_BYTES, 'Ed25519 over tag, chain id and the reading’s Avro bytes'),
})

/** The form as a JSON schema, for the OpenAPI document. */
export function jsonReadingSchema(): object {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(signedReading, { io: 'input', target: 'draft-2020-12' })
  return schema
}

/** The entry that a JSON value stands for, or what is wrong with it and where. */
export function entryOfJson(value: unknown): { ok: true; entry: Buffer } | { ok: false; detail: string } {
  const parsed = signedReading.safeParse(value)
  if (parsed.success) return { ok: true, entry: Buffer.concat([encodeReading(parsed.data.reading), parsed.data.signature]) }
  const [issue] = parsed.error.issues
  const where = issue?.path.join('.') || 'the item'
  const detail = `${where}: ${issue?.message ?? 'is not of the form of a signed reading'}`
  // it names every key that it does not know, however long
  return { ok: false, detail: detail.slice(0, LIMITS.textBytes) }
}
