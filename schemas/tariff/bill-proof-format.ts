/** The proof of a bill as JSON, besides those of ../proof-format.ts: the same rules hold. */
import { z } from 'zod'
import { LIMITS } from '../limits.js'
import { bytes, decidedEvents, HEADER_BYTES, hash, index, MAX_EVENTS, path, signedHead } from '../proof-format.js'
import { BILL_PROBLEMS, type Bill, type BillLine } from './bill.js'
import { decimalText, ENERGY_DIGITS } from './money.js'

/** Blocks and readings of one file: a year of quarter-hour messages, each in a block of its own. */
const MOST = 40_000
const id = z.string().max(LIMITS.idBytes)
const decimal = z.string().regex(/^-?\d+(?:\.\d+)?$/)
const place = z.int().min(0).max(MOST)

const line = z.strictObject({
  plan: z.string(),
  event: index('the event of the plan’s version'),
  zone: z.int().nullable().describe('null: the standing charge'),
  name: z.string(),
  kwh: decimal.describe('12 digits after the point'),
  estimatedKwh: decimal.describe('the part of it that was not measured'),
  count: z.int().describe('intervals, or differences of registers; of the standing charge days'),
  price: z.int(),
  priceScaler: z.int(),
  currency: z.string(),
  decimals: z.int(),
  amount: decimal,
})

const block = z.strictObject({
  header: bytes(HEADER_BYTES, 'Header, Avro'),
  parentVerdict: hash('verdict hash of the block before it'),
  notCounted: z
    .array(z.strictObject({ entry: z.int(), code: z.int() }))
    .max(LIMITS.entriesPerBlock)
    .describe('its verdict'),
  index: index('place of its leaf in the log of checkpoints'),
  path: path('from the leaf to the root in the note'),
})

const counted = z.strictObject({
  bytes: bytes(LIMITS.readingBytes, 'SignedReading, Avro'),
  block: place.describe('which of the blocks it is in, from 0'),
  index: index('its place in that block'),
  path: path('from the entry to the root in the block’s header'),
})
const linked = z
  .strictObject({ bytes: counted.shape.bytes })
  .describe('a reading that says nothing of the month: whether it counts is not shown, and does not matter')

/** A tariff's document is the longest, with the event's other fields. */
const event = z.strictObject({
  index: index('place of the event in the registry’s log'),
  body: bytes(LIMITS.tariffBytes + 4 * LIMITS.textBytes, 'EventBody, Avro: the leaf'),
  path: path('from the body to the registry’s root'),
})

export const BILL_PROOF_SCHEMA = z
  .strictObject({
    version: z.literal(1),
    kind: z.literal('bill'),
    chainId: hash('the chain: SHA-256 of the tagged body of its genesis'),
    point: z.string().describe('the usage point'),
    month: z.string().describe('YYYY-MM, of its local time'),
    lines: z.array(line),
    totals: z.array(z.strictObject({ currency: z.string(), amount: decimal.nullable() })),
    problems: z.array(z.enum(BILL_PROBLEMS)),
    checkpoint: z.strictObject(signedHead),
    governance: decidedEvents.describe(
      'all from the genesis (itself left out) to the registry size of the checkpoint, in their order',
    ),
    blocks: z.array(block).min(1).max(MOST),
    registry: z.strictObject({
      block: place.describe('the block whose header names the registry: the largest of all blocks here'),
      events: z.array(event).max(MOST).describe('by index; paths end at that registry’s root'),
      enrolments: z
        .array(
          z.strictObject({
            meter: bytes(16 * LIMITS.textBytes, 'EnrolledMeter, Avro'),
            event: index('index of the event that enrolled it, which is among the events'),
            leafIndex: index('its place among the meters of that event'),
            path: path('from the meter to the root in the event’s body'),
          }),
        )
        .max(MAX_EVENTS)
        .describe('one of each of the meters, in their order'),
    }),
    meters: z
      .array(z.strictObject({ meter: id, readings: z.array(z.union([counted, linked])).max(MOST) }))
      .max(MAX_EVENTS)
      .describe('all that were ever at the usage point, by id; their readings by sequence'),
  })
  .describe('Proof of a bill; see check-bill.ts for what it shows')

export type BillProof = z.infer<typeof BILL_PROOF_SCHEMA>
export type BillProofLine = z.infer<typeof line>
export type BillProofBlock = z.infer<typeof block>
export type BillReading = z.infer<typeof counted> | z.infer<typeof linked>
export type BillFigures = Pick<BillProof, 'lines' | 'totals' | 'problems'>

export const figuresOf = ({ lines, totals, problems }: Bill): BillFigures => ({
  ...{ lines: lines.map(lineOf), totals: totals.map((each) => ({ ...each })), problems: [...problems] },
})

function lineOf({ energy, estimated, amount, ...rest }: BillLine): BillProofLine {
  const kwh = decimalText(energy, ENERGY_DIGITS)
  return { ...rest, kwh, estimatedKwh: decimalText(estimated, ENERGY_DIGITS), amount: decimalText(amount, rest.decimals) }
}
