import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { TellRepair } from './repair-events.js'

/** Seconds, from one row to a database that is filled again. */
const BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600, 3_600]

export interface RepairMetrics {
  compared(rows: number): void
  differed(rows: number): void
  /** All parts of the tables were compared once more. */
  roundEnded(): void
  /** Counts each repair that ended as it is told. */
  counting(tell: TellRepair): TellRepair
}

export function repairMetrics(registry: Registry): RepairMetrics {
  const registers = [registry]
  const rows = new Counter({ name: 'meterchain_audit_rows_total', help: 'rows compared with the logs', registers })
  const differences = new Counter({
    name: 'meterchain_audit_differences_total',
    help: 'rows that were not what the logs demand, in each round anew',
    registers,
  })
  const round = new Gauge({
    name: 'meterchain_audit_round_timestamp_seconds',
    help: 'when all tables had last been compared, since 1970; 0: not yet',
    registers,
  })
  const labelNames = ['kind', 'status'] as const
  const repairs = new Counter({ name: 'meterchain_repairs_total', help: 'repairs that ended', labelNames, registers })
  const seconds = new Histogram({
    name: 'meterchain_repair_seconds',
    help: 'from the request of a repair to its end',
    labelNames: ['kind'] as const,
    buckets: BUCKETS,
    registers,
  })
  return {
    compared: (count) => rows.inc(count),
    differed: (count) => differences.inc(count),
    roundEnded: () => round.setToCurrentTime(),
    counting: (tell) => async (event) => {
      await tell(event)
      const { kind, status, tookMillis } = event
      if (status === 'requested') return
      repairs.inc({ kind, status })
      if (tookMillis !== null) seconds.observe({ kind }, tookMillis / 1000)
    },
  }
}
