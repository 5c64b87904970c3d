/** Readings sent one wave after the other, with what the door acknowledged written down: what a receipt is for. */
import { setTimeout as pause } from 'node:timers/promises'
import { deliver } from '../../ingest/meter/deliver.js'
import type { DoorClient } from '../../ingest/meter/door-client.js'
import { hex } from '../../schemas/bytes.js'
import { leafHash } from '../../schemas/merkle.js'
import type { Sender } from '../cli/sender.js'
import { DEFAULT_BEGIN, enrolRun, signRun } from '../cli/simulation.js'
import { until } from './until.js'

export interface LoadPlan {
  readonly seed: number
  readonly households: number
  /** Readings in a request: few make many requests, so that a crash meets some of them at every step. */
  readonly batchReadings: number
  /** Readings a second, at most; as fast as the door takes them if not given. */
  readonly perSecond?: number
}

export interface Load {
  /** Leaf hashes that the door has acknowledged, hexadecimal. */
  readonly acknowledged: ReadonlySet<string>
  /** Resolves when so many more have been acknowledged; rejects at the deadline, or with what the sender fell over. */
  untilMore(more: number): Promise<void>
  /** Leaf hashes, hexadecimal, of what is not known to count. */
  unconfirmed(): string[]
  /** Sends that once more, in each meter's order: as meters do when the log has lost what it acknowledged. */
  sendAgain(): Promise<void>
  /** Signs no further wave; resolves when all that was signed counts. Rejects with whatever went wrong. */
  finish(): Promise<{ signed: number }>
}

const DAY_OF_MESSAGES = 24
const MOST_OF_A_METER = 1_000
/** What was acknowledged is never sent a second time: were it lost, nothing would hide that. */
const NEVER_MILLIS = 3_600_000
const MORE_MILLIS = 120_000
/** Longer than a fault takes to heal. */
const STALL_MILLIS = 180_000

export function startLoad(sender: Sender, plan: LoadPlan): Load {
  const acknowledged = new Set<string>()
  const door = recordingDoor(sender.door, acknowledged, paced(plan.perSecond))
  let isFinishing = false
  const waves = async () => {
    await enrolMeters(sender, plan)
    let signed = 0
    while (!isFinishing) {
      const { meters } = signRun(sender.store, { ...plan, days: 1, begin: DEFAULT_BEGIN })
      signed += plan.households * DAY_OF_MESSAGES
      const how = { batchReadings: plan.batchReadings, resendMillis: NEVER_MILLIS, stallMillis: STALL_MILLIS }
      const report = await deliver({ store: sender.store, door, meters, ...how })
      if (report.left > 0) throw new Error(`the delivery ended with readings left: ${JSON.stringify(report)}`)
    }
    return { signed }
  }
  const running = waves()
  const failed = new Promise<never>((_resolve, reject) => running.catch(reject))
  failed.catch(() => undefined) // told by `untilMore` and `finish`
  const untilMore = async (more: number) => {
    const goal = acknowledged.size + more
    const seen = () => `${acknowledged.size}, ${sender.store.countUnconfirmed()} are left to be confirmed`
    const reached = until(`${goal} acknowledged readings`, MORE_MILLIS, () => acknowledged.size >= goal, seen)
    await Promise.race([reached, failed])
  }
  const finish = () => {
    isFinishing = true
    return running
  }
  return {
    ...{ acknowledged, untilMore, finish },
    unconfirmed: () => unconfirmed(sender.store).map((entry) => hex(leafHash(entry))),
    sendAgain: async () => {
      const entries = unconfirmed(sender.store)
      for (let at = 0; at < entries.length; at += plan.batchReadings) await door.send(entries.slice(at, at + plan.batchReadings))
    },
  }
}

function unconfirmed(store: Sender['store']): Buffer[] {
  return [...store.metersWithUnconfirmed()].flatMap((meter) =>
    store.unconfirmed(meter, 0, MOST_OF_A_METER).map(({ entry }) => entry),
  )
}

async function enrolMeters(sender: Sender, { seed, households }: LoadPlan): Promise<void> {
  const run = { seed, households, days: 0, begin: DEFAULT_BEGIN }
  signRun(sender.store, run)
  await enrolRun(sender, run)
}

/** Resolves when so many more may be sent. */
function paced(perSecond = Number.POSITIVE_INFINITY): (readings: number) => Promise<void> {
  let free = Date.now()
  return async (readings) => {
    const now = Date.now()
    free = Math.max(free, now) + (readings * 1_000) / perSecond
    if (free > now) await pause(free - now)
  }
}

function recordingDoor(
  door: DoorClient,
  acknowledged: Set<string>,
  turn: (readings: number) => Promise<void>,
): Pick<DoorClient, 'send' | 'heads'> {
  return {
    heads: (meters) => door.heads(meters),
    send: async (entries) => {
      await turn(entries.length)
      const answer = await door.send(entries)
      const refused = new Set(answer.refusals.map(({ index }) => index))
      entries.forEach((entry, index) => {
        if (!refused.has(index)) acknowledged.add(hex(leafHash(entry)))
      })
      return answer
    },
  }
}
