/** Simulated households that live on: each run goes on where the one before ended. */
import { type DeliveryReport, deliver } from '../../ingest/meter/deliver.js'
import type { MeterStore } from '../../ingest/meter/meter-store.js'
import { messages, simulatedMeter, simulatedPoint } from '../../ingest/simulate/messages.js'
import { sha256 } from '../../schemas/hash.js'
import { startProgress } from './progress.js'
import type { Sender } from './sender.js'

export interface SimulatedRun {
  readonly seed: number
  readonly households: number
  readonly days: number
  /** Where the first run of these households begins, seconds since 1970. */
  readonly begin: number
}

/** The first midnight (GMT) of the default: the second week has the night in which London's clocks go back. */
export const DEFAULT_BEGIN = Date.UTC(2025, 9, 14) / 1000
const HOUR = 3_600
const MESSAGES_PER_COMMIT = 5_000

export interface SignedRun {
  /** First second of the simulated time of this run, and the one after its last. */
  readonly from: number
  readonly until: number
  readonly meters: string[]
  /** Messages that are not known to count: signed now, or left by a run that was cut off. */
  readonly toSend: number
}

/** One time for all households of a seed: who joins a later run begins there, so that no hour is told twice. */
const untilKey = (seed: number) => ['simulated-until', seed]

/** Makes the meters and signs what they say, with progress. What was signed stays signed: a run that was cut off goes on there. */
export function signRun(store: MeterStore, { seed, households, days, begin }: SimulatedRun): SignedRun {
  const meters = Array.from({ length: households }, (_, index) => simulatedMeter(index + 1, seed) as string)
  store.create(meters, (meter) => sha256(Buffer.from(`meterchain simulated meter ${seed} ${meter}`)))
  const from = Number(store.mark(untilKey(seed)) ?? begin)
  const until = from + days * 24 * HOUR
  const progress = startProgress('signing  ')
  const hoursPerCommit = Math.max(1, Math.floor(MESSAGES_PER_COMMIT / households))
  for (let start = from; start < until; start += hoursPerCommit * HOUR) {
    const hours = Math.min(hoursPerCommit, (until - start) / HOUR)
    store.sign(messages({ seed, households, from: start, hours, withRegister: false }), [[untilKey(seed), start + hours * HOUR]])
    progress.update(((start - from) / HOUR + hours) * households, days * 24 * households)
  }
  progress.stop()
  return { from, until, meters, toSend: store.countUnconfirmed(meters) }
}

const ENROLLED_AT_A_TIME = 10_000

/** Enrols the run's meters as devices. */
export async function enrolRun({ store, enrol }: Sender, { seed, households }: SimulatedRun): Promise<void> {
  for (let first = 1; first <= households; first += ENROLLED_AT_A_TIME) {
    const count = Math.min(ENROLLED_AT_A_TIME, households - first + 1)
    const meters = Array.from({ length: count }, (_, index) => {
      const meter = simulatedMeter(first + index, seed)
      const usagePoint = simulatedPoint(first + index, undefined, seed)
      return { meter, key: store.publicKey(meter), signer: 'device' as const, usagePoint }
    })
    await enrol(meters)
  }
}

/** Sends until all counts, with progress. */
export async function sendRun({ store, door }: Sender, { meters, toSend }: SignedRun): Promise<DeliveryReport> {
  const progress = startProgress('final    ')
  try {
    return await deliver({
      store,
      door,
      meters,
      onProgress: ({ confirmed, accepted }) => progress.update(confirmed, toSend, `${accepted} accepted by the door`),
    })
  } finally {
    progress.stop()
  }
}
