/** What the door counts (Prometheus). */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Outcome } from './answer.js'

export interface GaugeSources {
  /** Readings and bytes that wait for Kafka's acknowledgement. */
  room(): { readings: number; bytes: number }
  /** By lane: records of the chain not yet read. */
  lag(): ReadonlyMap<number, number>
  /** Meters that are asked to send something again. */
  asked(): number
}

export class DoorMetrics {
  private readonly readings: Counter<'outcome'>
  private readonly acknowledge: Histogram
  private readonly rejectionsDropped: Counter
  private readonly headsDiffering: Counter
  private readonly headHeight: Gauge<'lane'>
  private readonly headDelay: Gauge<'lane'>

  constructor(private readonly register: Registry) {
    const registers = [register]
    this.readings = new Counter({
      name: 'meterchain_ingest_readings_total',
      help: 'Readings by outcome: accepted (acknowledged by Kafka), or the fault they were refused for',
      labelNames: ['outcome'],
      registers,
    })
    this.acknowledge = new Histogram({
      name: 'meterchain_ingest_acknowledge_seconds',
      help: 'Time to append a record of readings, until Kafka acknowledged it',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    })
    this.rejectionsDropped = new Counter({
      name: 'meterchain_ingest_rejections_dropped_total',
      help: 'Rejections that were not written: too many, or the log was away',
      registers,
    })
    this.headsDiffering = new Counter({
      name: 'meterchain_ingest_heads_differing_total',
      help: 'Counted entries that the meter heads kept here did not let expect',
      registers,
    })
    this.headHeight = new Gauge({
      name: 'meterchain_ingest_head_height',
      help: 'Height of the newest final block in the meter heads',
      labelNames: ['lane'],
      registers,
    })
    this.headDelay = new Gauge({
      name: 'meterchain_ingest_head_delay_seconds',
      help: 'Time from the certificate of the newest final block to the meter heads',
      labelNames: ['lane'],
      registers,
    })
  }

  /** Adds what is read off when somebody looks. */
  watch(sources: GaugeSources): void {
    const registers = [this.register]
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value())
        },
      })
    gauge('meterchain_ingest_queue_readings', 'Readings that wait for the log', () => sources.room().readings)
    gauge('meterchain_ingest_queue_bytes', 'Bytes of readings that wait for the log', () => sources.room().bytes)
    gauge('meterchain_ingest_resend_meters', 'Meters that are asked to send something again', () => sources.asked())
    new Gauge({
      name: 'meterchain_ingest_chain_lag_records',
      help: 'Records of the chain that the meter heads have not read yet',
      labelNames: ['lane'],
      registers,
      collect() {
        for (const [lane, records] of sources.lag()) this.set({ lane }, records)
      },
    })
  }

  count(outcomes: readonly Outcome[]): void {
    const counts = new Map<string, number>()
    for (const outcome of outcomes) {
      const name = outcome.ok ? 'accepted' : outcome.fault
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const [outcome, count] of counts) this.readings.inc({ outcome }, count)
  }

  acknowledged(millis: number): void {
    this.acknowledge.observe(millis / 1000)
  }

  dropped(rejections: number): void {
    this.rejectionsDropped.inc(rejections)
  }

  headAt(lane: number, height: bigint, delayMillis: number, differing: number): void {
    this.headHeight.set({ lane }, Number(height))
    this.headDelay.set({ lane }, Math.max(0, delayMillis) / 1000)
    if (differing > 0) this.headsDiffering.inc(differing)
  }
}
