import type { Signatures } from '../ed25519.js'
import { type Hash, sha256, ZERO_HASH } from '../hash.js'
import { LIMITS } from '../limits.js'
import { leafHash } from '../merkle.js'
import type { Genesis, RegistryEvent } from '../records.js'
import { signedMessage, TAGS } from '../tags.js'
import { authorityFault, authoritySetFault, byId, isDocument, isLine, isWithin } from './checks.js'
import { type Decision, refuse } from './decision.js'

/** The one verification profile of Ed25519 that this protocol knows. */
export const SIGNATURE_PROFILE = 1

/** The chain’s id: SHA-256(tag ‖ the genesis’ body). All else is signed over it. */
export const chainIdOf = (genesisBody: Buffer): Hash => sha256(TAGS.genesis, genesisBody)

/** What founders sign: `tag ‖ zeros ‖ body`. */
export const genesisMessage = (genesisBody: Buffer): Buffer => signedMessage(TAGS.genesis, ZERO_HASH, genesisBody)

/** The first event: signed by every founder. */
export function decideGenesis(event: RegistryEvent, genesis: Genesis, signatures: Signatures): Decision {
  const fault = genesisFault(genesis, signatures)
  if (fault !== undefined) return refuse(fault)
  const message = genesisMessage(event.bodyBytes)
  for (const { id, key } of genesis.authorities) {
    const isSigned = event.signatures.some(({ signer, signature }) => signer === id && signatures.verify(signature, message, key))
    if (!isSigned) return refuse(`not-signed: by founder ${id}`)
  }
  const { consensus, rules } = genesis
  const authorities = genesis.authorities.map((each) => ({ ...each, key: Buffer.from(each.key) })).sort(byId)
  return { governance: { since: 1, consensus, authorities, rules, sourceEpochs: {}, hash: leafHash(event.bodyBytes) } }
}

function genesisFault(genesis: Genesis, signatures: Signatures): string | undefined {
  const { network, createdAt, lanes, signatureProfile, rules, authorities, predecessor } = genesis
  if (network === '' || !isLine(network, LIMITS.textBytes)) return 'bad-genesis: the name of the network'
  if (!isWithin(createdAt, 0, LIMITS.epochSeconds * 1000)) return 'bad-genesis: its date'
  if (!isWithin(lanes, 1, LIMITS.lanes)) return `bad-genesis: ${lanes} lanes, allowed are 1 to ${LIMITS.lanes}`
  if (signatureProfile !== SIGNATURE_PROFILE) return `bad-genesis: signature profile ${signatureProfile} is not known`
  if (!isWithin(rules, 1, 0x7fffffff)) return 'bad-genesis: the version of the rules'
  if (!isDocument(predecessor, LIMITS.tariffBytes)) return 'bad-genesis: the text of its predecessor'
  const faults = authorities.map((each) => authorityFault(each, signatures))
  return authoritySetFault(authorities) ?? faults.find((fault) => fault !== undefined)
}
