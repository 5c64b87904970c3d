/** What the London trial has nothing of, and its questions need: feeders with a meter at their head, registers, an exchange of meters,
 *  estimates, corrections, a clock that is wrong, forged messages. Made from the households' own energy; `docs/questions.md` says so. */
import type { Decimal } from '../../../ingest/import/decimal.js'
import { HALF_HOUR, startOf } from '../../../ingest/import/lcl.js'
import type { ReadingContent } from '../../../ingest/meter/sign-reading.js'
import type { Profile, Register, UsagePoint } from '../../../schemas/records.js'
import type { PlannedMessage, PlannedMeter } from './data-set.js'

export const HOUSEHOLDS_A_FEEDER = 14

/** For the document. */
export const ADDED = [
  'Households are put on feeders by 14, in the order of their files; each feeder has a meter at its head, which measures 4 % and 20 Wh a half hour more than its households together.',
  'The first ten households send the registers 1.8.0, 1.8.1 (7 to 24 h GMT) and 1.8.2 at the end of each GMT day. That of MAC000006 rolls over at 100 MWh. That of MAC000007 jumps by 5 kWh on 20 May. The tariff registers of MAC000011 lack 2 kWh from 1 to 7 August.',
  'Meter MAC000003 is exchanged for MAC000003-B on 12 June at 10:00 GMT.',
  'MAC000012 estimates 10 to 12 February by the days before, and sends what it measured on 2 April. MAC000013 corrects a half hour of 5 March on 20 September.',
  'The clock of MAC000014 is 7 minutes ahead from 4 to 10 November.',
  'On 1 July somebody sends a forged message as MAC000015, and a meter that nobody enrolled sends too.',
] as const

const DAY = 86_400
const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) / (DAY * 1000)
const at = (text: string): number => Date.parse(`${text}Z`) / 1000

const IMPORT = Buffer.from([1, 0, 1, 29, 0, 255])
const WATT_HOURS = 30
const WITH_REGISTERS = 10
const NIGHT_ENDS_SLOT = 14
const ROLLS_OVER_AT = 100_000_000
const CLOCK_AHEAD_MILLIS = 7 * 60_000

const EXCHANGE = { old: 'MAC000003', meter: 'MAC000003-B', at: at('2013-06-12T10:00:00') } as const
const ESTIMATE = { meter: 'MAC000012', from: day('2013-02-10'), to: day('2013-02-12'), sent: day('2013-04-02') } as const
const CORRECTION = { meter: 'MAC000013', day: day('2013-03-05'), slot: 20, sent: day('2013-09-20') } as const
const CLOCK = { meter: 'MAC000014', from: day('2013-11-04'), to: day('2013-11-10') } as const
const FORGED = { meter: 'MAC000015', day: day('2013-07-01') } as const
const JUMP = { meter: 'MAC000007', day: day('2013-05-20'), wattHours: 5_000 } as const
const TARIFF = { meter: 'MAC000011', from: day('2013-08-01'), to: day('2013-08-07'), wattHours: 2_000 } as const
const ROLLOVER = { meter: 'MAC000006', begins: 99_000_000 } as const

const STORE: UsagePoint = { id: 'store', zone: 'Europe/London', feeder: '', region: '', plan: '' }

type Slots = ReadonlyMap<number, Decimal>
type Contents = (slots: Map<number, Decimal>) => ReadingContent[]

/** In 10^-6 Wh. */
const microWattHours = ({ digits, decimals }: Decimal): bigint => digits * 10n ** BigInt(9 - decimals)
const wattHours = (micro: bigint): number => Number(micro / 1_000_000n)

/** One pass over the days, in their order: it counts sequences and registers. */
export class Additions {
  readonly #sequences = new Map<string, number>()
  readonly #registers = new Map<string, { total: bigint; night: bigint }>()
  readonly #feeders = new Map<string, Map<number, bigint>>()
  /** What was estimated, to be sent as it was measured; and what is corrected. */
  readonly #late: { readonly sent: number; readonly message: () => PlannedMessage }[] = []
  #yesterday = new Map<string, Slots>()
  #today = new Map<string, Slots>()

  constructor(private readonly points: ReadonlyMap<string, UsagePoint>) {}

  meters(): PlannedMeter[] {
    const meters = [...this.points].map(([meter, usagePoint]): PlannedMeter => {
      const moves = meter === EXCHANGE.old ? [{ validFrom: EXCHANGE.at, usagePoint: STORE }] : []
      return { meter, signer: 'importer', usagePoint, moves }
    })
    const exchanged = this.points.get(EXCHANGE.old)
    if (exchanged !== undefined) {
      const moves = [{ validFrom: EXCHANGE.at, usagePoint: exchanged }]
      meters.push({ meter: EXCHANGE.meter, signer: 'device', usagePoint: STORE, moves })
    }
    const regions = new Map([...this.points.values()].map(({ feeder, region }) => [feeder, region]))
    for (const [feeder, region] of regions) {
      const usagePoint = { ...STORE, id: feeder, feeder: 'substation-1', region }
      meters.push({ meter: `head-of-${feeder}`, signer: 'device', usagePoint })
    }
    return meters
  }

  /** Messages of one household and day. */
  messagesOf(meter: string, ofDay: number, slots: Map<number, Decimal>, contents: Contents): PlannedMessage[] {
    this.#today.set(meter, slots)
    this.#addToFeeder(meter, slots)
    if (meter === EXCHANGE.old) return this.#exchanged(ofDay, slots, contents)
    if (meter === ESTIMATE.meter && ofDay >= ESTIMATE.from && ofDay <= ESTIMATE.to)
      return this.#estimated(meter, ofDay, slots, contents)
    const registers = this.#registersOf(meter, ofDay, slots)
    const ahead = meter === CLOCK.meter && ofDay >= CLOCK.from && ofDay <= CLOCK.to ? CLOCK_AHEAD_MILLIS : 0
    const messages = contents(slots).map(({ sentAt, profiles }, index, all) => {
      const isLast = index === all.length - 1
      return this.#message(meter, { sentAt: sentAt + ahead, profiles, registers: isLast ? registers : [] })
    })
    if (meter === CORRECTION.meter && ofDay === CORRECTION.day) this.#correctLater(messages)
    return messages
  }

  /** After the households: heads of feeders, corrections, what is forged. Ends the day. */
  messagesBeside(ofDay: number): PlannedMessage[] {
    const messages = [...this.#feeders].map(([feeder, sums]) => this.#headOf(feeder, ofDay, sums))
    messages.push(...this.#late.filter(({ sent }) => sent === ofDay).map(({ message }) => message()))
    if (ofDay === FORGED.day && this.points.has(FORGED.meter)) messages.push(...forged(ofDay))
    this.#feeders.clear()
    this.#yesterday = this.#today
    this.#today = new Map()
    return messages
  }

  #message(meter: string, content: ReadingContent): PlannedMessage {
    this.#sequences.set(meter, this.#sequenceOf(meter) + 1)
    return { meter, content }
  }

  #sequenceOf = (meter: string): number => this.#sequences.get(meter) ?? 0

  #addToFeeder(meter: string, slots: Slots): void {
    const feeder = this.points.get(meter)?.feeder ?? ''
    const sums = this.#feeders.get(feeder) ?? new Map<number, bigint>()
    this.#feeders.set(feeder, sums)
    for (const [slot, kwh] of slots) sums.set(slot, (sums.get(slot) ?? 0n) + microWattHours(kwh))
  }

  #headOf(feeder: string, ofDay: number, sums: ReadonlyMap<number, bigint>): PlannedMessage {
    const profiles: Profile[] = []
    for (let slot = 0; slot < 48; slot++) {
      const sum = sums.get(slot)
      if (sum === undefined) continue
      const start = startOf(ofDay, slot)
      const value = wattHours((sum * 104n) / 100n) + 20
      const last = profiles.at(-1)
      if (last !== undefined && last.start + last.values.length * HALF_HOUR === start) last.values.push(value)
      else profiles.push({ obis: IMPORT, unit: WATT_HOURS, scaler: 0, start, step: HALF_HOUR, values: [value], quality: [] })
    }
    return this.#message(`head-of-${feeder}`, { sentAt: startOf(ofDay + 1, 0) * 1000, profiles: profiles.slice(0, 16) })
  }

  #exchanged(ofDay: number, slots: Slots, contents: Contents): PlannedMessage[] {
    const part = (isOld: boolean) => new Map([...slots].filter(([slot]) => startOf(ofDay, slot) < EXCHANGE.at === isOld))
    return [true, false].flatMap((isOld) =>
      contents(part(isOld)).map((content) => this.#message(isOld ? EXCHANGE.old : EXCHANGE.meter, content)),
    )
  }

  #estimated(meter: string, ofDay: number, slots: Map<number, Decimal>, contents: Contents): PlannedMessage[] {
    const before = this.#yesterday.get(meter) ?? slots
    this.#today.set(meter, before)
    const guess = new Map([...slots.keys()].map((slot) => [slot, before.get(slot) ?? { digits: 0n, decimals: 0 }]))
    // the register goes on counting
    const registers = this.#registersOf(meter, ofDay, slots)
    return contents(guess).map((content, index) => {
      const { sentAt, profiles } = content
      const quality = (profile: Profile) => ({ ...profile, quality: [{ code: 8, count: profile.values.length }] })
      const message = this.#message(meter, { sentAt, profiles: profiles.map(quality), registers: index === 0 ? registers : [] })
      const revises = this.#sequenceOf(meter)
      const measured = contents(slots)[index] ?? content
      const late = { ...measured, sentAt: startOf(ESTIMATE.sent, 47) * 1000, revises }
      this.#late.push({ sent: ESTIMATE.sent, message: () => this.#message(meter, late) })
      return message
    })
  }

  #correctLater(messages: readonly PlannedMessage[]): void {
    const profile = messages[0]?.content.profiles[0]
    if (profile === undefined) return
    const revises = this.#sequenceOf(CORRECTION.meter)
    const value = Math.floor((profile.values[CORRECTION.slot] ?? 0) / 2)
    const start = startOf(CORRECTION.day, CORRECTION.slot)
    const corrected = { ...profile, start, values: [value], quality: [{ code: 7, count: 1 }] }
    const content = { sentAt: startOf(CORRECTION.sent, 40) * 1000, profiles: [corrected], revises }
    this.#late.push({ sent: CORRECTION.sent, message: () => this.#message(CORRECTION.meter, content) })
  }

  #registersOf(meter: string, ofDay: number, slots: Slots): Register[] {
    if ([...this.points.keys()].indexOf(meter) >= WITH_REGISTERS) return []
    const sums = this.#registers.get(meter) ?? {
      total: meter === ROLLOVER.meter ? BigInt(ROLLOVER.begins) * 1_000_000n : 0n,
      night: 0n,
    }
    this.#registers.set(meter, sums)
    for (const [slot, kwh] of slots) {
      const micro = microWattHours(kwh)
      sums.total += micro
      if (slot < NIGHT_ENDS_SLOT) sums.night += micro
    }
    if (meter === JUMP.meter && ofDay === JUMP.day) sums.total += BigInt(JUMP.wattHours) * 1_000_000n
    const total = wattHours(sums.total)
    const night = wattHours(sums.night)
    const lacking = meter === TARIFF.meter && ofDay >= TARIFF.from && ofDay <= TARIFF.to ? TARIFF.wattHours : 0
    const register = (tariff: number, value: number): Register => {
      const obis = Buffer.from([1, 0, 1, 8, tariff, 255])
      return { obis, unit: WATT_HOURS, scaler: 0, at: startOf(ofDay + 1, 0), value: value % ROLLS_OVER_AT }
    }
    if (meter === ROLLOVER.meter) return [register(0, total)]
    return [register(0, total), register(1, total - night), register(2, night - lacking)]
  }
}

function forged(ofDay: number): PlannedMessage[] {
  const profile = {
    obis: IMPORT,
    unit: WATT_HOURS,
    scaler: 0,
    start: startOf(ofDay, 0),
    step: HALF_HOUR,
    values: [0, 0],
    quality: [],
  }
  const content = { sentAt: startOf(ofDay, 2) * 1000, profiles: [profile] }
  return [
    { meter: FORGED.meter, content, fault: 'bad-signature' },
    { meter: 'MAC999999', content, fault: 'unknown-meter' },
  ]
}
