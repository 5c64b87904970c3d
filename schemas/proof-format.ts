/** An offline proof of one entry as JSON. All bytes are lower- or upper-case hexadecimal text; paths are RFC 6962 audit paths, from
 *  the leaf upward; indexes count from 0. Unknown fields are an error, so that a proof says nothing that is not checked. */
import { z } from 'zod'
import { LIMITS } from './limits.js'

const HEX = /^(?:[0-9a-fA-F]{2})*$/
export const bytes = (maxBytes: number, what: string) =>
  z
    .string()
    .max(2 * maxBytes)
    .regex(HEX)
    .describe(what)
const fixed = (length: number, what: string) =>
  z
    .string()
    .length(2 * length)
    .regex(HEX)
    .describe(what)
export const hash = (what: string) => fixed(32, what)
export const index = (what: string) => z.int().min(0).max(LIMITS.long).describe(what)
/** A tree of 2^52 leaves is 52 deep. */
export const path = (what: string) => z.array(hash('a sibling')).max(52).describe(what)

/** More governance events than a chain sees in its life; each costs up to 100 signature checks. */
export const MAX_EVENTS = 10_000
/** Bytes of an event’s body: a list of evidence is the longest that has to do with authorities or meters. */
const BODY_BYTES = LIMITS.tariffBytes
export const HEADER_BYTES = 1_024

const registryLeaf = {
  index: index('place of the event in the registry’s log'),
  body: bytes(BODY_BYTES, 'EventBody, Avro: the leaf'),
  path: path('from the body to the registry’s root'),
}

export const governanceEvent = z
  .strictObject({
    ...registryLeaf,
    signatures: z
      .array(z.strictObject({ signer: z.string().max(LIMITS.idBytes), signature: fixed(64, 'Ed25519 over the body') }))
      .max(LIMITS.authorities + 1)
      .describe('of more than 2/3 of the weight before it'),
  })
  .describe('an event that changed authorities, consensus, rules or source epochs; its path ends at the parent’s registry root')

const registered = z.strictObject(registryLeaf).describe('an event; its path ends at the registry root of the block’s header')

/** A final block and what made it final. */
export const certifiedBlock = {
  block: z.strictObject({
    header: bytes(HEADER_BYTES, 'Header, Avro'),
    seal: fixed(64, 'the proposer’s Ed25519 over the header'),
    votes: z
      .array(bytes(LIMITS.blockBytes, 'SignedVote, Avro'))
      .min(1)
      .max(LIMITS.authorities)
      .describe('accepts with one verdict, of more than 2/3 of the weight'),
  }),
  parent: z
    .strictObject({
      header: bytes(HEADER_BYTES, 'Header, Avro: its registry size names the authorities that decide on the block'),
      verdictHash: hash('verdict hash of that block'),
    })
    .nullable()
    .describe('the block before; null at height 1'),
  governance: z
    .array(governanceEvent)
    .max(MAX_EVENTS)
    .describe('all from the genesis (itself left out) to the parent’s registry size, in their order'),
}

export const meterKeys = z.strictObject({
  enrolment: z.strictObject({
    meter: bytes(16 * LIMITS.textBytes, 'EnrolledMeter, Avro: its id and its first key'),
    leafIndex: index('its place among the meters of the event'),
    path: path('from the meter to the root in the event’s body'),
    event: registered,
  }),
  rotations: z.array(registered).max(MAX_EVENTS).describe('changes of its key up to the registry size of the block'),
})

/** Text and 100 lines of at most 260 characters. */
const NOTE_CHARACTERS = 32_768
/** The head of a checkpoint with the signatures of its authorities. */
export const signedHead = {
  note: z
    .string()
    .max(NOTE_CHARACTERS)
    .describe('C2SP signed note: the checkpoint’s text, with lines of authorities of more than 2/3 of the weight and no others'),
  registrySize: index('names those authorities: as in the header of the checkpoint’s block'),
}
/** Events of governance that are decided one after the other, without paths to a registry's root. */
export const decidedEvents = z
  .array(governanceEvent.omit({ path: true }).describe('an event of the registry that changed who decides'))
  .max(MAX_EVENTS)

export const coveringCheckpoint = z
  .strictObject({
    ...signedHead,
    governance: decidedEvents.describe('all beyond the parent’s registry size, up to that of the checkpoint, in their order'),
    index: index('place of the block’s leaf in the log of checkpoints'),
    path: path('from the leaf to the root in the note'),
  })
  .describe('a checkpoint that covers the block')

export const PROOF_SCHEMA = z
  .strictObject({
    version: z.literal(1),
    chainId: hash('the chain: SHA-256 of the tagged body of its genesis'),
    entry: z.strictObject({
      bytes: bytes(LIMITS.blockBytes, 'the entry as it stands in the block: a SignedReading, Avro, if it counts'),
      index: index('its place in the block'),
      path: path('from the entry to the root in the block’s header'),
    }),
    ...certifiedBlock,
    meter: meterKeys.nullable().describe('what the registry says of the meter’s key; null where the entry does not count'),
    checkpoint: coveringCheckpoint.optional(),
  })
  .describe('Proof of one entry of a final block; see schemas/proof.ts for what it shows')

export type EntryProof = z.infer<typeof PROOF_SCHEMA>
export type CertifiedBlock = Pick<EntryProof, 'block' | 'parent' | 'governance'>
export type MeterKeysProof = z.infer<typeof meterKeys>
export type SignedHeadProof = Pick<CoveringCheckpoint, 'note' | 'registrySize'>
export type CoveringCheckpoint = z.infer<typeof coveringCheckpoint>
export type GovernanceEventProof = z.infer<typeof governanceEvent>
export type DecidedEvent = Omit<GovernanceEventProof, 'path'>
export type RegisteredProof = z.infer<typeof registered>
