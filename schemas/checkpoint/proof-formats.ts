/** Offline proofs about checkpoints and the registry as JSON, besides that of an entry (../proof-format.ts): the same rules hold. */
import { z } from 'zod'
import { LIMITS } from '../limits.js'
import { certifiedBlock, coveringCheckpoint, decidedEvents, hash, index, meterKeys, path, signedHead } from '../proof-format.js'

const chainId = hash('the chain: SHA-256 of the tagged body of its genesis')
const governance = decidedEvents.describe(
  'all from the genesis (itself left out) to the registry size of the newest checkpoint, in their order',
)

export const CONSISTENCY_SCHEMA = z
  .strictObject({
    version: z.literal(1),
    kind: z.literal('consistency'),
    chainId,
    older: z.strictObject(signedHead),
    newer: z.strictObject(signedHead),
    path: path('RFC 6962 consistency proof'),
    governance,
  })
  .describe('Proof that one checkpoint’s log begins with that of another')

export const INCLUSION_SCHEMA = z
  .strictObject({
    version: z.literal(1),
    kind: z.literal('inclusion'),
    chainId,
    leaf: z.strictObject({
      lane: index('the lane'),
      height: index('height of the final block'),
      block: hash('its hash'),
      verdict: hash('its verdict hash'),
    }),
    index: index('place of the leaf in the log of checkpoints'),
    path: path('from the leaf to the root in the note'),
    checkpoint: z.strictObject(signedHead),
    governance,
  })
  .describe('Proof that a checkpoint covers a final block')

export const METER_KEY_SCHEMA = z
  .strictObject({
    version: z.literal(1),
    kind: z.literal('meter-key'),
    chainId,
    meter: z.string().max(LIMITS.idBytes).describe('the meter’s id'),
    keys: meterKeys.describe('its keys as the registry has them whose size and root the block’s header names'),
    ...certifiedBlock,
    checkpoint: coveringCheckpoint.optional(),
  })
  .describe('Proof of a meter’s keys: registry root and final block')

export type ConsistencyProof = z.infer<typeof CONSISTENCY_SCHEMA>
export type InclusionProof = z.infer<typeof INCLUSION_SCHEMA>
export type MeterKeyProof = z.infer<typeof METER_KEY_SCHEMA>
