/** What the door counts beside what every stage does (infra/metrics.ts). */
import { Counter, Gauge } from 'prom-client'
import type { Metrics } from '../infra/metrics.js'
import type { Outcome } from './answer.js'

/** Read off when somebody looks. */
export interface DoorLevels {
  /** Readings and bytes that wait for Kafka's acknowledgement. */
  readonly readings: number
  readonly bytes: number
  readonly rejections: number
  /** Meters that are asked to send something again. */
  readonly asked: number
  /** By lane: records of the chain that the heads have not read. */
  readonly lag: ReadonlyMap<number, bigint>
}

export class DoorMetrics {
  private readonly rejectionsDropped: Counter
  private readonly headsDiffering: Counter
  private readonly headHeight: Gauge<'lane'>
  private readonly headDelay: Gauge<'lane'>

  constructor(readonly shared: Metrics) {
    const registers = [shared.registry]
    const dropped = 'rejections that were not written: too many, or the log was away'
    const differing = 'counted entries that the meter heads kept here did not let expect'
    const delay = 'from the certificate of the newest final block to the meter heads'
    this.rejectionsDropped = new Counter({ name: 'meterchain_rejections_dropped_total', help: dropped, registers })
    this.headsDiffering = new Counter({ name: 'meterchain_heads_differing_total', help: differing, registers })
    this.headHeight = new Gauge({
      name: 'meterchain_head_height',
      help: 'height of the newest final block in the meter heads',
      labelNames: ['lane'],
      registers,
    })
    this.headDelay = new Gauge({ name: 'meterchain_head_delay_seconds', help: delay, labelNames: ['lane'], registers })
  }

  /** One request's outcomes, and how long its sender waited for them. */
  count(outcomes: readonly Outcome[], millis: number): void {
    const counts = new Map<string, number>()
    for (const outcome of outcomes) {
      const name = outcome.ok ? 'accepted' : outcome.fault
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const [outcome, count] of counts) this.shared.readings.inc({ outcome }, count)
    if (counts.has('accepted')) this.shared.timeToAcknowledge.observe(millis / 1000)
  }

  dropped(rejections: number): void {
    this.rejectionsDropped.inc(rejections)
  }

  headAt(lane: number, height: bigint, delayMillis: number, differing: number): void {
    this.headHeight.set({ lane }, Number(height))
    this.headDelay.set({ lane }, Math.max(0, delayMillis) / 1000)
    if (differing > 0) this.headsDiffering.inc(differing)
  }

  show({ readings, bytes, rejections, asked, lag }: DoorLevels): void {
    const { queueDepth } = this.shared
    for (const [queue, depth] of Object.entries({ readings, bytes, rejections, asked })) queueDepth.set({ queue }, depth)
    for (const [partition, records] of lag) this.shared.lag.set({ topic: 'chain', partition }, Number(records))
  }
}
