import { Counter, Histogram, type Registry } from 'prom-client'
import type { Repair } from '../../schemas/records.js'

/** Seconds, from one row to a database that is filled again. */
const BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600, 3_600]

/** Counts what a stage told, in its metrics: each repair at its end. */
export function repairCounts(registry: Registry): (told: Repair) => void {
  const registers = [registry]
  const labelNames = ['kind', 'status'] as const
  const repairs = new Counter({ name: 'meterchain_repairs_total', help: 'repairs that ended', labelNames, registers })
  const seconds = new Histogram({
    name: 'meterchain_repair_seconds',
    help: 'from the request of a repair to its end',
    labelNames: ['kind'] as const,
    buckets: BUCKETS,
    registers,
  })
  return ({ kind, status, tookMillis }) => {
    if (status === 'requested') return
    repairs.inc({ kind, status })
    if (tookMillis !== null) seconds.observe({ kind }, tookMillis / 1000)
  }
}
