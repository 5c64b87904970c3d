/** A piece of evidence as JSON (SPEC section 17): its originals, and what it takes to know whose keys they are signed with, from the
 *  genesis on. Bytes are hexadecimal text. Unknown fields are an error, so that it says nothing that is not checked. */
import { z } from 'zod'
import { hex } from './bytes.js'
import { type Evidence, evidenceHash } from './evidence.js'
import { LIMITS } from './limits.js'
import { governanceEvent } from './proof-format.js'
import type { RegistryState } from './registry/state.js'

const hash = (what: string) =>
  z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'not 64 hexadecimal digits')
    .describe(what)
const count = (what: string) => z.int().min(0).max(LIMITS.long).describe(what)

/** Larger than any record that the topic takes. */
const RECORD_BYTES = 2 * LIMITS.blockBytes
/** More governance events than a chain sees in its life. */
const MAX_EVENTS = 10_000

export const EVIDENCE_SCHEMA = z
  .strictObject({
    version: z.literal(1),
    chainId: hash('the chain: SHA-256 of the tagged body of its genesis'),
    kind: z.enum(['void-block', 'contradiction', 'split-view']).describe('see schemas/evidence.ts for what each shows'),
    authority: z.string().max(LIMITS.idBytes).describe('who sealed the block, voted or signed twice'),
    lane: count('the lane; the number of lanes: that of checkpoints'),
    height: count('height of the block; split-view: size of both heads'),
    block: hash('the block’s hash; split-view: root of the first head'),
    hash: hash('names this evidence: the Merkle root with the originals as entries'),
    registrySize: count('whose authorities decided on the block, or sign heads'),
    originals: z
      .array(
        z
          .string()
          .max(2 * RECORD_BYTES)
          .regex(/^(?:[0-9a-fA-F]{2})*$/, 'not hexadecimal'),
      )
      .min(2)
      .max(LIMITS.authorities + 1)
      .describe('records of chain or checkpoints: Block and SignedVotes, two SignedVotes, or two Cosignatures; Avro'),
    governance: z
      .array(governanceEvent.omit({ path: true }).describe('an event of the registry that changed who decides'))
      .max(MAX_EVENTS)
      .describe('all from the genesis (itself left out) to the registry size, in their order'),
  })
  .describe('Evidence against an authority; see schemas/check-evidence.ts for what it shows')

export type EvidenceFile = z.infer<typeof EVIDENCE_SCHEMA>

/** `registry`: at least as far as the evidence's size. */
export function evidenceFile(registry: RegistryState, evidence: Evidence): EvidenceFile {
  const { kind, authority, lane, height, block, registrySize } = evidence
  const originals = evidence.originals.map(({ record }) => record)
  return {
    ...{ version: 1, chainId: hex(registry.chainId), kind, authority, lane, height: Number(height), block: hex(block) },
    ...{ hash: hex(evidenceHash(originals)), registrySize, originals: originals.map(hex) },
    governance: registry.store
      .governance()
      .filter(({ since }) => since > 1 && since <= registrySize)
      .flatMap(({ since }) => {
        const event = registry.eventAt(since - 1)
        if (event === undefined) return []
        const signatures = event.signatures.map(({ signer, signature }) => ({ signer, signature: hex(signature) }))
        return [{ index: since - 1, body: hex(event.bodyBytes), signatures }]
      }),
  }
}
