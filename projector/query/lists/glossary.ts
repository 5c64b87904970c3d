/** Names in answers of lists: each means one thing everywhere. */
import type { Kind } from './kinds.js'

interface Meaning {
  readonly kind: Kind
  readonly description: string
}
const text = (description: string): Meaning => ({ kind: 'text', description })
const integer = (description: string): Meaning => ({ kind: 'integer', description })
const decimal = (description: string): Meaning => ({ kind: 'decimal', description: `${description}; exact, as text` })
const time = (description: string): Meaning => ({ kind: 'time', description: `${description}; UTC` })
const day = (description: string): Meaning => ({ kind: 'day', description })
const flag = (description: string): Meaning => ({ kind: 'flag', description })
const texts = (description: string): Meaning => ({ kind: 'texts', description })
const integers = (description: string): Meaning => ({ kind: 'integers', description })

export const GLOSSARY = {
  // who, where
  meter: text('the meter’s id; of rejections as it was given, unproven'),
  usagePoint: text('the usage point’s id; consumption and bills follow it through exchanges of its meter'),
  zone: text('time zone of its days; UTC where the server does not know the one registered'),
  region: text('region of the usage point'),
  feeder: text('feeder of the usage point'),
  plan: text('tariff plan'),
  signer: text('who holds the meter’s key: device, gateway or importer'),
  key: text('the meter’s present public key (Ed25519), hexadecimal'),
  retiredFrom: integer('from this sequence on nothing of the meter counts; null: in use'),
  enrolledEvent: integer('registry event of its enrolment'),
  assignedEvent: integer('registry event that assigned the usage point'),
  validFrom: time('start of the period'),
  validTo: time('end of the period, itself outside; null: until further notice'),
  firstInterval: time('start of the first interval of that time'),
  lastInterval: time('start of the last one'),
  // what was measured
  start: time('start of the interval'),
  end: time('end of the interval, itself outside'),
  stepSeconds: integer('its length, seconds'),
  readAt: time('when the register was read'),
  obis: text('OBIS code A-B:C.D.E*F'),
  unit: text('unit of `value`'),
  value: decimal('what was measured, in `unit`'),
  kwh: decimal('energy, kWh'),
  quality: integer('ESPI quality: 0 valid, 7 edited, 8 to 11 estimated, …'),
  sequence: integer('the meter’s number of the message'),
  day: day('day of the usage point’s zone'),
  dayStart: time('start of that day'),
  dayEnd: time('end of that day, itself outside'),
  intervals: integer('intervals that are there'),
  estimatedIntervals: integer('intervals that were not measured'),
  coveredSeconds: integer('time that its intervals cover, seconds; null: registers, or a standing charge'),
  expectedSeconds: integer('time that is to be expected, seconds'),
  completeness: decimal('covered ÷ expected time'),
  meters: texts('meters that measured it, in the order of time'),
  lanes: integers('lane of each of these meters'),
  firstHeights: integers('lowest height of each one’s blocks; null: no interval'),
  lastHeights: integers('highest height of each one’s blocks; null: no interval'),
  // bills
  month: day('first day of the month, of the usage point’s local time'),
  plans: texts('plans that the bill is by'),
  amount: decimal('money, in `currency`; null: there is a problem'),
  currency: text('ISO 4217'),
  estimatedKwh: decimal('part of the energy that was not measured, kWh'),
  lines: integer('number of lines: see bill-lines'),
  problems: texts('why there is no amount: time-zone-not-published, wrong-unit, register-fell'),
  event: integer('registry event that says so'),
  tariffZone: integer('number of the zone in the plan, from 0; null: the standing charge'),
  name: text('name of the zone of the plan'),
  measured: integer('intervals, or differences of registers; of the standing charge days'),
  monthSeconds: integer('length of the month, seconds'),
  price: decimal('for a kWh, or for a day, in `currency`'),
  kind: text('of which kind it is'),
  standing: decimal('price of a local day, in `currency`'),
  zones: texts('of a plan: number, name and price of each zone'),
  document: text('as it was published: JSON, see schemas/SPEC.md, section 18'),
  // blocks
  lane: integer('lane'),
  height: integer('height of the block, or of the checkpoint; of evidence of a split view the size of both heads'),
  entry: integer('entry of the block, from 0: /v1/lanes/{lane}/blocks/{height}/entries/{entry} gives its leaf hash'),
  hash: text('hash, hexadecimal'),
  previous: text('hash of the block before, hexadecimal'),
  root: text('RFC 6962 root, hexadecimal'),
  entries: integer('number of entries'),
  counted: integer('entries that count'),
  rejected: integer('entries that do not count: see rejections'),
  proposer: text('authority that sealed it'),
  voters: texts('authorities whose accepts made it final'),
  attempt: integer('attempt at this height, from 0'),
  registrySize: integer('registry events under which it was sealed'),
  firstOffset: integer('first offset of readings that it covers'),
  lastOffset: integer('last offset of readings that it covers'),
  sealedAt: time('by the clock of its proposer'),
  finalAt: time('when the log took the vote that made it final'),
  // checkpoints
  size: integer('final blocks that the checkpoint covers'),
  blocks: integer('blocks that it covers and the one before does not'),
  signedWeight: integer('weight of the authorities that signed it'),
  totalWeight: integer('weight of all authorities'),
  isSigned: flag('whether more than 2/3 of the weight signed it'),
  signers: texts('authorities that signed it'),
  witnesses: texts('witnesses that cosigned it, of those that this database was told to trust'),
  witnessedAt: time('when a witness last saw it, by that witness’s clock'),
  // what broke
  id: text('names the repair'),
  subject: text('what broke'),
  fault: text('short name of what is wrong'),
  status: text('requested, completed or failed'),
  by: text('who told it'),
  at: time('when, by the clock of whoever tells'),
  requestedAt: time('when it was first asked for'),
  completedAt: time('when it was completed, or failed; null: under way'),
  tookMillis: integer('what it took, milliseconds'),
  detail: text('in words'),
  events: integer('number of events'),
  firstSequence: integer('resend: first sequence that is asked for'),
  lastSequence: integer('resend: last sequence that is asked for'),
  logPartition: integer('partition of the topic that tells it'),
  logOffset: integer('offset there; of rejections by the door'),
  source: text('chain: it stands in a final block for ever; door: it never reached the chain'),
  rejectedAt: time('chain: when the block became final; door: when it was refused'),
  meaning: text('what is wrong'),
  remedy: text('what the sender can do'),
  leaf: text('leaf hash of what was sent, hexadecimal'),
  evidence: text('hash that names it, hexadecimal'),
  authority: text('who signed it'),
  block: text('hash of the block that it is about, hexadecimal'),
  faults: texts('why it was rejected'),
  rejectedBy: texts('authorities that rejected it'),
  foundAt: time('when the log took the newest of its originals'),
  topic: text('where its originals stand: chain or checkpoints'),
  finalHeight: integer('height of the final block, or checkpoint, that it was found up to'),
  number: integer('place among what was found up to there, from 0'),
} as const satisfies Readonly<Record<string, Meaning>>

export type Name = keyof typeof GLOSSARY

/** The column of a view that a name stands for, where it is not said otherwise. */
const snakeOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Names whose columns are called alike. */
export const named = (...names: readonly Name[]): Partial<Record<Name, string>> =>
  Object.fromEntries(names.map((name) => [name, snakeOf(name)]))
