import { Counter, Gauge, type Registry } from 'prom-client'

export interface AuditMetrics {
  compared(rows: number): void
  differed(rows: number): void
  /** All parts of the tables were compared once more. */
  roundEnded(): void
}

export function auditMetrics(registry: Registry): AuditMetrics {
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
  return {
    compared: (count) => rows.inc(count),
    differed: (count) => differences.inc(count),
    roundEnded: () => round.setToCurrentTime(),
  }
}
