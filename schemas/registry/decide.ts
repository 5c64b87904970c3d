import type { EventContent, RegistryEvent } from '../records.js'
import { type Decision, type RuleContext, refuse } from './decision.js'
import { decideGovernance, decideTariff } from './governance-rules.js'
import { decideEnrolment, decideMeter } from './meter-rules.js'
import { isSignedByMeter, isSignedByOne, isSignedByQuorum, MAX_SIGNATURES } from './signers.js'
import type { RegistryStore } from './store.js'

/** What holds for events of every kind: they are new, in time, and carry meters only where they enrol them. */
export function envelopeFault(store: RegistryStore, { body, signatures, meters }: RegistryEvent): string | undefined {
  if (store.size() >= body.expiresAtSize) return `expired: at size ${body.expiresAtSize}`
  if (store.hasEventId(body.id)) return `repeated: event ${body.id.toString('hex')} counts already`
  if (signatures.length > MAX_SIGNATURES) return `too-many-signatures: ${signatures.length}, allowed are ${MAX_SIGNATURES}`
  if (body.content.kind !== 'EnrolMeters' && meters.length > 0) return `stray-meters: beside ${body.content.kind}`
  return undefined
}

/** Judges any event but the first. Signatures come first: what nobody signed must not cost the checks of 10,000 keys. */
export function decide(context: RuleContext): Decision {
  const unsigned = signatureFault(context)
  if (unsigned !== undefined) return refuse(unsigned)
  const { content } = context.event.body
  switch (content.kind) {
    case 'Genesis':
      return refuse('second-genesis: a chain has one')
    case 'EnrolMeters':
      return decideEnrolment(context, content)
    case 'RotateMeterKey':
    case 'ResetMeter':
    case 'RetireMeter':
    case 'AssignUsagePoint':
      return decideMeter(context, content)
    case 'PublishTariff':
      return decideTariff(content)
    default:
      return decideGovernance(context, content)
  }
}

/** Whose signatures an event of a kind needs. */
export function signersNeeded(kind: EventContent['kind']): 'founders' | 'one' | 'meter-or-quorum' | 'quorum' {
  switch (kind) {
    case 'Genesis':
      return 'founders'
    case 'EnrolMeters':
    case 'AssignUsagePoint':
    case 'RetireMeter':
      return 'one'
    case 'RotateMeterKey':
    case 'ResetMeter':
      return 'meter-or-quorum'
    default:
      return 'quorum'
  }
}

function signatureFault(context: RuleContext): string | undefined {
  const { content } = context.event.body
  switch (signersNeeded(content.kind)) {
    case 'founders':
      return undefined
    case 'one':
      return isSignedByOne(context) ? undefined : 'not-signed: by a present authority'
    case 'meter-or-quorum':
      return ('meter' in content && isSignedByMeter(context, content.meter)) || isSignedByQuorum(context)
        ? undefined
        : 'not-signed: by the meter’s present key or by more than 2/3 of the weight'
    case 'quorum':
      return isSignedByQuorum(context) ? undefined : 'not-signed: by more than 2/3 of the weight'
  }
}
