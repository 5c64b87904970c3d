import type { Finalized } from '../../infra/chain/lane-reader.js'
import { hex } from '../../schemas/bytes.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { faultCode } from '../../schemas/faults.js'
import { leafHash } from '../../schemas/merkle.js'
import { readEntry } from '../../schemas/reading.js'
import { signedPart } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { signedMessage, TAGS } from '../../schemas/tags.js'

const BAD_SIGNATURE = faultCode('bad-signature')

/** Checks the signature of each entry that counts, and of each that was refused for its signature: for whoever does not take the votes’
 *  word for it. Throws Error at the first that is not as the verdict says. */
export function checkSignatures(
  { lane, header, block, notCounted }: Finalized,
  registry: RegistryState,
  { verify }: Signatures,
): void {
  const codes = new Map(notCounted.map(({ entry, code }) => [entry, code]))
  for (const [entry, bytes] of block.entries.entries()) {
    const code = codes.get(entry)
    if (code !== undefined && code !== BAD_SIGNATURE) continue
    const read = readEntry(bytes)
    const { meter = '', sequence = 0 } = read.ok ? read.signed.reading : {}
    const key = registry.meterAt(meter, header.registrySize)?.keyFor(sequence)
    const message = signedMessage(TAGS.reading, registry.chainId, signedPart(bytes))
    const holds = read.ok && key !== undefined && verify(read.signed.signature, message, key)
    if (holds === (code === undefined)) continue
    const what = holds ? 'was refused for its signature, which holds' : 'counts, and its signature does not hold'
    throw new Error(
      `lane ${lane}, height ${header.height}, entry ${entry} (${hex(leafHash(bytes))}) ${what}: more than 2/3 of the weight voted so`,
    )
  }
}
