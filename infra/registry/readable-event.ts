/** Registry events as people and files see them: names as in the schemas, bytes in hexadecimal. */
import { hex } from '../../schemas/bytes.js'
import type { EventContent } from '../../schemas/records.js'

export type Readable = string | number | boolean | null | readonly Readable[] | { readonly [name: string]: Readable }

/** The content as plain data. Made from the decoded bytes, so it cannot say anything else than they do. */
export function readableContent(content: EventContent): { readonly kind: string; readonly [name: string]: Readable } {
  const { kind, ...rest } = content
  return { kind, ...fieldsOf(rest) }
}

const fieldsOf = (value: object): { [name: string]: Readable } =>
  Object.fromEntries(Object.entries(value).map(([name, each]) => [name, readable(each)]))

function readable(value: unknown): Readable {
  if (Buffer.isBuffer(value)) return hex(value)
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value === 'object' && value !== null) return fieldsOf(value)
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value)
}

/** A file may say any number; what the rules refuse must be readable too. */
function time(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString()
}
const short = (bytes: Uint8Array): string => `${hex(bytes).slice(0, 16)}…`

/** One line that says what an event does. */
export function eventSummary(content: EventContent): string {
  switch (content.kind) {
    case 'Genesis':
      return `network ${content.network} begins: ${content.authorities.length} authorities, ${content.lanes} lanes, ${content.consensus}`
    case 'EnrolMeters':
      return `${content.count} meters are enrolled`
    case 'RotateMeterKey':
      return `meter ${content.meter} signs with key ${short(content.key)} from sequence ${content.fromSequence} on`
    case 'ResetMeter':
      return `meter ${content.meter} begins anew at sequence ${content.sequence}, linked to ${short(content.previous)}`
    case 'RetireMeter':
      return `meter ${content.meter} is retired from sequence ${content.fromSequence} on`
    case 'AssignUsagePoint':
      return `meter ${content.meter} hangs at usage point ${content.usagePoint.id} from ${time(content.validFrom)} on`
    case 'AddAuthority':
      return `authority ${content.authority.id} joins with weight ${content.authority.weight} and key ${short(content.authority.key)}`
    case 'RemoveAuthority':
      return `authority ${content.authority} leaves`
    case 'RotateAuthorityKey':
      return `authority ${content.authority} signs with key ${short(content.key)}`
    case 'SetStake':
      return `authority ${content.authority} weighs ${content.weight}`
    case 'SlashStake':
      return `authority ${content.authority} loses ${content.amount} of its weight, on ${content.evidence.length} pieces of evidence`
    case 'SetConsensus':
      return `consensus is ${content.consensus === 'poa' ? 'proof of authority' : 'proof of stake'}`
    case 'PublishTariff':
      return `tariff ${content.plan} is valid from ${time(content.validFrom)} on (${content.document.length} characters)`
    case 'SetRules':
      return `entries are judged by version ${content.rules} of the rules`
    case 'SetSourceEpoch':
      return `readings of lane ${content.lane} begin anew: source epoch ${content.epoch}`
  }
}
