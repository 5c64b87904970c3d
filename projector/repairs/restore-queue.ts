/** Why a topic is to be restored, and when that is done. Pure. Whoever may write to topic `repairs` may ask for it, so what others say
 *  costs no more than a look at a topic now and then. */
import { RESTORABLE, type RestorableTopic } from '../../infra/restore/restorable.js'

export interface Ground {
  /** Of the repair that was told. */
  readonly id: string
  readonly topic: RestorableTopic
  readonly lane: number
  readonly fault: string
  /** When it was told, milliseconds. */
  readonly at: number
  /** Seen by this projector itself. */
  readonly isOwn: boolean
}

/** Others who miss the same tell it within this time; several projectors do not begin at one moment. */
const SETTLE_MILLIS = 1_000
/** From the end of a restore of a topic to the next, if somebody else asks for it. */
const PAUSE_MILLIS = 60_000
const LONGEST_PAUSE_MILLIS = 3_600_000
/** And no less than so many times what it took: others cannot make the projector do nothing else. */
const PAUSE_SHARES = 10
/** After one that was cut off, because broker or database were away. */
const RETRY_MILLIS = 5_000
/** What is asked for beyond that is done by the same restore, and is not answered. */
const MOST_GROUNDS = 50

interface Rest {
  until: number
  pause: number
}

export class RestoreQueue {
  private readonly grounds = new Map<string, Ground>()
  private readonly since = new Map<RestorableTopic, number>()
  private readonly rests = new Map<RestorableTopic, Rest>()

  note(ground: Ground, now: number): void {
    if (!ground.isOwn && this.of(ground.topic).length >= MOST_GROUNDS) return
    if (this.of(ground.topic).length === 0) this.since.set(ground.topic, now)
    const known = this.grounds.get(ground.id)
    this.grounds.set(ground.id, known?.isOwn === true ? known : ground)
  }

  /** Somebody says that it ended. What was seen here is looked at all the same. */
  settled(id: string): void {
    if (this.grounds.get(id)?.isOwn === false) this.grounds.delete(id)
  }

  /** The topic whose time it is. `jitterMillis`: other projectors have another. */
  next(now: number, jitterMillis = 0): RestorableTopic | undefined {
    return RESTORABLE.find((topic) => {
      const grounds = this.of(topic)
      if (grounds.length === 0 || now < (this.since.get(topic) ?? 0) + SETTLE_MILLIS + jitterMillis) return false
      return grounds.some(({ isOwn }) => isOwn) || now >= (this.rests.get(topic)?.until ?? 0)
    })
  }

  /** Takes all grounds of a topic: one restore is for all of them. */
  take(topic: RestorableTopic): Ground[] {
    const grounds = this.of(topic)
    for (const { id } of grounds) this.grounds.delete(id)
    return grounds
  }

  /** A restore ended. One that found nothing to do makes the next wait twice as long. */
  ended(topic: RestorableTopic, now: number, tookMillis: number, isInVain: boolean): void {
    const before = this.rests.get(topic)?.pause ?? PAUSE_MILLIS / 2
    const pause = isInVain ? Math.min(before * 2, LONGEST_PAUSE_MILLIS) : PAUSE_MILLIS
    this.rests.set(topic, { pause, until: now + Math.max(pause, PAUSE_SHARES * tookMillis) })
  }

  /** It was cut off: it is tried again, for the same grounds. */
  cutOff(grounds: readonly Ground[], now: number): void {
    for (const ground of grounds) {
      this.grounds.set(ground.id, ground)
      this.since.set(ground.topic, now + RETRY_MILLIS)
    }
  }

  private of(topic: RestorableTopic): Ground[] {
    return [...this.grounds.values()].filter((each) => each.topic === topic)
  }
}
