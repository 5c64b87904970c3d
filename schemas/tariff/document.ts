/** What the document of a PublishTariff event says (SPEC.md, section 18). A document that is not of this form is in the registry like
 *  any other, and no bill looks at it: what counts in the registry must not depend on how somebody reads JSON. */
import { z } from 'zod'
import { firstIssue } from '../check-form.js'
import { LIMITS } from '../limits.js'
import { dayOfDate } from './civil.js'

/** UTF-16 units: zod's own lengths are of code points or of units, by its version. */
const NAME_UNITS = 64
const line = z
  .string()
  .refine((text) => text.length >= 1 && text.length <= NAME_UNITS, `a name of 1 to ${NAME_UNITS} UTF-16 units`)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text), 'no control characters')
const OBIS_BYTE = '(?:0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])'
const obis = z
  .string()
  .regex(
    new RegExp(`^${OBIS_BYTE}-${OBIS_BYTE}:${OBIS_BYTE}\\.${OBIS_BYTE}\\.${OBIS_BYTE}\\*${OBIS_BYTE}$`),
    'an OBIS code A-B:C.D.E*F',
  )
/** Prices fit a 64-bit integer with room for the sums of a month. */
const price = z.int().min(-LIMITS.tariffPrice).max(LIMITS.tariffPrice)
const clock = z.string().regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'HH:MM, 00:00 to 24:00')
const monthDay = z.string().regex(/^(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'MM-DD')
const date = z.string().refine((text) => dayOfDate(text) !== undefined, 'a date YYYY-MM-DD')
const zoneNumber = z
  .int()
  .min(0)
  .max(LIMITS.tariffZones - 1)

const rule = z.strictObject({
  zone: zoneNumber.describe('holds where all that follows fits'),
  days: z
    .string()
    .regex(/^(?=.)1?2?3?4?5?6?7?$/, 'digits 1 (Monday) to 7, rising')
    .optional(),
  holidays: z.boolean().optional().describe('true: on holidays alone; false: on other days alone'),
  season: z.strictObject({ from: monthDay, to: monthDay }).optional().describe('both ends included; may go over the new year'),
  hours: z
    .strictObject({ from: clock, to: clock })
    .refine(({ from, to }) => from !== to && from !== '24:00', 'it is empty')
    .optional()
    .describe('of the same local day; from before to, or until midnight and from midnight on'),
})

const money = {
  currency: z.string().regex(/^[A-Z]{3}$/, 'three capital letters (ISO 4217)'),
  decimals: z.int().min(0).max(4).describe('digits of the minor unit, to which each line is rounded'),
  priceScaler: z.int().min(-LIMITS.scaler).max(0).describe('prices are integers * 10^priceScaler of the currency'),
  standing: price.describe('for each local day'),
}
const zone = z.strictObject({ name: line, price: price.describe('for a kWh') })
const registerZone = zone.extend({ register: obis.describe('the cumulative register of the zone') })
const areDistinct = (values: readonly string[]): boolean => new Set(values).size === values.length
const zonesOf = <Z extends { name: string }>(item: z.ZodType<Z>) =>
  z
    .array(item)
    .min(1)
    .max(LIMITS.tariffZones)
    .refine((all) => areDistinct(all.map(({ name }) => name)), 'a name stands twice')

const intervalPlan = z
  .strictObject({
    version: z.literal(1),
    kind: z.literal('interval-plan'),
    ...money,
    measures: obis.describe('the channel whose intervals are billed'),
    zones: zonesOf(zone),
    schedule: z.array(rule).max(LIMITS.tariffRules).describe('the first rule that fits holds; where none does, zone 0'),
    holidays: z
      .array(date)
      .max(LIMITS.tariffHolidays)
      .refine((dates) => dates.every((each, i) => i === 0 || (dates[i - 1] ?? '') < each), 'dates do not rise'),
    signal: z.boolean().describe('whether signals of the plan go before its schedule'),
  })
  .refine(
    (plan) => plan.schedule.every((each) => each.zone < plan.zones.length),
    'a rule names a zone that the plan does not have',
  )
const registerPlan = z.strictObject({
  version: z.literal(1),
  kind: z.literal('register-plan'),
  ...money,
  zones: zonesOf(registerZone).refine((all) => areDistinct(all.map(({ register }) => register)), 'a register stands twice'),
})
const signal = z.strictObject({
  version: z.literal(1),
  kind: z.literal('signal'),
  step: z.int().min(1).max(86_400).describe('seconds of each place, from the event’s validFrom on'),
  zones: z
    .string()
    .min(1)
    .regex(/^[0-7-]+$/, 'digits 0 to 7, - for no word'),
})
const offset = z.int().min(-86_400).max(86_400)
const timeZone = z.strictObject({
  version: z.literal(1),
  kind: z.literal('time-zone'),
  offset: offset.describe('seconds that local time is ahead of UTC before the first transition'),
  transitions: z
    .array(z.tuple([z.int().min(0).max(LIMITS.epochSeconds), offset]))
    .max(LIMITS.zoneTransitions)
    .refine((all) => all.every(([at], i) => i === 0 || (all[i - 1]?.[0] ?? 0) < at), 'transitions do not rise'),
})

const DOCUMENT = z.discriminatedUnion('kind', [intervalPlan, registerPlan, signal, timeZone])

export type TariffDocument = z.infer<typeof DOCUMENT>
export type IntervalPlan = z.infer<typeof intervalPlan>
export type RegisterPlan = z.infer<typeof registerPlan>
export type Plan = IntervalPlan | RegisterPlan
export type Signal = z.infer<typeof signal>
export type TimeZone = z.infer<typeof timeZone>
export type Rule = z.infer<typeof rule>

export type DocumentFault = 'not-json' | 'not-canonical' | 'unknown-kind' | 'bad-form'
export type ReadDocument =
  | { readonly ok: true; readonly document: TariffDocument }
  | { readonly ok: false; readonly fault: DocumentFault; readonly reason: string }

const KINDS = new Set(['interval-plan', 'register-plan', 'signal', 'time-zone'])
const refuse = (fault: DocumentFault, reason: string): ReadDocument => ({ ok: false, fault, reason })

/** Never throws on what came in. */
export function readDocument(text: string): ReadDocument {
  const value = jsonOf(text)
  if (value === undefined) return refuse('not-json', 'it is no JSON')
  // a name that stands twice, 1.0 or 1e3: other readers may understand something else
  if (JSON.stringify(value) !== text) return refuse('not-canonical', 'it is not the JSON text that its value has')
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (typeof kind !== 'string' || !KINDS.has(kind)) return refuse('unknown-kind', `kinds are ${[...KINDS].join(', ')}`)
  const parsed = DOCUMENT.safeParse(value)
  return parsed.success ? { ok: true, document: parsed.data } : refuse('bad-form', firstIssue(parsed.error.issues))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
