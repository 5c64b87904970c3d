import { LIMITS } from '../limits.js'
import { leafHash } from '../merkle.js'
import type { Authority } from '../records.js'
import { authorityFault, authoritySetFault, byId, isDocument, isLine, isWithin } from './checks.js'
import { type ContentOf, type Decision, isRefusal, type Refusal, type RuleContext, refuse } from './decision.js'
import type { GovernanceState } from './store.js'

export type GovernanceContent = ContentOf<
  | 'AddAuthority'
  | 'RemoveAuthority'
  | 'RotateAuthorityKey'
  | 'SetStake'
  | 'SlashStake'
  | 'SetConsensus'
  | 'SetRules'
  | 'SetSourceEpoch'
>

/** What changes hands: events that more than 2/3 of the weight signed, and that begin a new governance state. */
export function decideGovernance(context: RuleContext, content: GovernanceContent): Decision {
  const changed = change(context, content)
  if (isRefusal(changed)) return changed
  const next = { ...context.governance, ...changed }
  const fault = authoritySetFault(next.authorities)
  if (fault !== undefined) return refuse(fault)
  return { governance: { ...next, since: context.since, hash: leafHash(context.event.bodyBytes) } }
}

/** A tariff is kept with its event; nothing in the fold depends on it. */
export function decideTariff({ plan, validFrom, document }: ContentOf<'PublishTariff'>): Decision {
  if (plan === '' || !isLine(plan, LIMITS.textBytes)) return refuse('bad-tariff: the name of the plan')
  if (!isWithin(validFrom, 0, LIMITS.epochSeconds)) return refuse('bad-tariff: the time from which it is valid')
  return isDocument(document, LIMITS.tariffBytes) ? {} : refuse('bad-tariff: the document is too long, or holds U+0000')
}

function change(context: RuleContext, content: GovernanceContent): Partial<GovernanceState> | Refusal {
  const { governance, lanes } = context
  switch (content.kind) {
    case 'AddAuthority':
      return added(context, content.authority)
    case 'SetConsensus':
      return content.consensus === governance.consensus
        ? refuse(`no-change: consensus is ${content.consensus}`)
        : { consensus: content.consensus }
    case 'SetRules':
      if (!isWithin(content.rules, 1, 0x7fffffff)) return refuse(`bad-rules: version ${content.rules}`)
      return content.rules === governance.rules ? refuse(`no-change: rules are ${content.rules}`) : { rules: content.rules }
    case 'SetSourceEpoch': {
      if (!isWithin(content.lane, 0, lanes - 1)) return refuse(`bad-lane: ${content.lane}`)
      const next = sourceEpochOf(governance, content.lane) + 1
      if (content.epoch !== next) return refuse(`bad-epoch: the next of lane ${content.lane} is ${next}`)
      return { sourceEpochs: { ...governance.sourceEpochs, [content.lane]: content.epoch } }
    }
    default:
      return changedAuthority(context, content)
  }
}

function added({ governance, signatures }: RuleContext, authority: Authority): Partial<GovernanceState> | Refusal {
  const fault = authorityFault(authority, signatures)
  if (fault !== undefined) return refuse(fault)
  const kept = { ...authority, key: Buffer.from(authority.key) }
  return { authorities: [...governance.authorities, kept].sort(byId) }
}

function changedAuthority(
  { governance, signatures }: RuleContext,
  content: ContentOf<'RemoveAuthority' | 'RotateAuthorityKey' | 'SetStake' | 'SlashStake'>,
): Partial<GovernanceState> | Refusal {
  const present = governance.authorities.find(({ id }) => id === content.authority)
  if (present === undefined) return refuse(`unknown-authority: ${content.authority}`)
  const replaced = (by: Partial<Authority>) => ({
    authorities: governance.authorities.map((each) => (each === present ? { ...each, ...by } : each)),
  })
  switch (content.kind) {
    case 'RemoveAuthority':
      return { authorities: governance.authorities.filter((each) => each !== present) }
    case 'RotateAuthorityKey':
      if (content.key.equals(present.key)) return refuse(`no-change: authority ${present.id} has this key`)
      return signatures.isValidKey(content.key)
        ? replaced({ key: Buffer.from(content.key) })
        : refuse(`bad-key: of authority ${present.id}`)
    case 'SetStake':
      return replaced({ weight: content.weight })
    case 'SlashStake':
      return isWithin(content.amount, 1, present.weight)
        ? replaced({ weight: present.weight - content.amount })
        : refuse(`bad-amount: ${content.amount} of the ${present.weight} of authority ${present.id}`)
  }
}

/** How often the lane’s partition of `readings` began anew. */
export const sourceEpochOf = (governance: GovernanceState, lane: number): number => governance.sourceEpochs[lane] ?? 0
