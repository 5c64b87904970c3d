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

const untilKey = (seed: number, households: number) => ['simulated-until', seed, households]

/** Makes the meters and signs what they say, with progress. What was signed stays signed: a run that was cut off goes on there. */
export function signRun(store: MeterStore, { seed, households, days, begin }: SimulatedRun): SignedRun {
  const meters = Array.from({ length: households }, (_, index) => simulatedMeter(index + 1) as string)
  store.create(meters, (meter) => sha256(Buffer.from(`meterchain simulated meter ${seed} ${meter}`)))
  const from = Number(store.mark(untilKey(seed, households)) ?? begin)
  const until = from + days * 24 * HOUR
  const progress = startProgress('signing  ')
  const hoursPerCommit = Math.max(1, Math.floor(MESSAGES_PER_COMMIT / households))
  for (let start = from; start < until; start += hoursPerCommit * HOUR) {
    const hours = Math.min(hoursPerCommit, (until - start) / HOUR)
    store.sign(messages({ seed, households, from: start, hours, withRegister: false }), [
      [untilKey(seed, households), start + hours * HOUR],
    ])
    progress.update(((start - from) / HOUR + hours) * households, days * 24 * households)
  }
  progress.stop()
  return { from, until, meters, toSend: store.countUnconfirmed() }
}

/** Enrols the run's meters as devices. */
export function enrolRun({ store, enrol }: Sender, { households }: Pick<SimulatedRun, 'households'>): Promise<void> {
  const meters = Array.from({ length: households }, (_, index) => {
    const meter = simulatedMeter(index + 1)
    return { meter, key: store.publicKey(meter), signer: 'device' as const, usagePoint: simulatedPoint(index + 1) }
  })
  return enrol(meters)
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
