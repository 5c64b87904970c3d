import { isQuorum, totalWeight } from '../consensus/turns.js'
import type { Hash } from '../hash.js'
import { LIMITS } from '../limits.js'
import type { EventSignature } from '../records.js'
import { signedMessage, TAGS } from '../tags.js'
import type { RuleContext } from './decision.js'
import { presentKey } from './meter-facts.js'

/** More signatures than this are not looked at: each costs 73 µs on every machine, and nobody needs more. */
export const MAX_SIGNATURES = LIMITS.authorities + 1

/** What is signed: `tag ‖ chain id ‖ body`. */
export const eventMessage = (chainId: Hash, bodyBytes: Buffer): Buffer => signedMessage(TAGS.registry, chainId, bodyBytes)

type Signed = Pick<RuleContext, 'event' | 'chainId' | 'governance' | 'signatures'>

/** Whether one present authority with weight signed the event. */
export function isSignedByOne(context: Signed): boolean {
  const message = eventMessage(context.chainId, context.event.bodyBytes)
  return context.event.signatures.some((each) => weightOf(each, message, context) > 0)
}

/** Whether authorities of more than 2/3 of the present weight signed it. Signatures of others, and those that do not hold, are
 *  passed over: the rest must suffice. */
export function isSignedByQuorum(context: Signed): boolean {
  const message = eventMessage(context.chainId, context.event.bodyBytes)
  const total = totalWeight(context.governance)
  const signers = new Set<string>()
  let weight = 0
  for (const each of context.event.signatures) {
    if (signers.has(each.signer)) continue
    const added = weightOf(each, message, context)
    if (added === 0) continue
    signers.add(each.signer)
    weight += added
    if (isQuorum(weight, total)) return true
  }
  return false
}

/** Whether the meter’s present key signed it (empty signer). */
export function isSignedByMeter(context: Signed & Pick<RuleContext, 'store'>, meter: string): boolean {
  const record = context.store.meter(meter)
  const key = record === undefined ? undefined : presentKey(record)
  if (key === undefined) return false
  const message = eventMessage(context.chainId, context.event.bodyBytes)
  return context.event.signatures.some(
    ({ signer, signature }) => signer === '' && context.signatures.verify(signature, message, key),
  )
}

function weightOf({ signer, signature }: EventSignature, message: Buffer, { governance, signatures }: Signed): number {
  const authority = governance.authorities.find((each) => each.id === signer)
  if (authority === undefined || authority.weight === 0) return 0
  return signatures.verify(signature, message, authority.key) ? authority.weight : 0
}
