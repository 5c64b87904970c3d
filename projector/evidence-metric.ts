import { Gauge, type Registry } from 'prom-client'
import type { Database } from './database.js'

export interface FoundEvidence {
  readonly kind: string
  readonly authority: string
}

/** Pieces of evidence in the tables, by kind and authority: those that are there, then those that are written. Gives what counts. */
export async function evidenceMetric(
  registry: Registry,
  database: Database,
): Promise<(written: readonly FoundEvidence[]) => void> {
  const gauge = new Gauge({
    name: 'meterchain_evidence',
    help: 'pieces of evidence against an authority',
    labelNames: ['kind', 'authority'] as const,
    registers: [registry],
  })
  const { rows } = await database.transaction((client) =>
    client.query<FoundEvidence & { count: number }>(
      `SELECT kind, authority, count(*)::int AS count
         FROM (SELECT kind, authority FROM store.evidence UNION ALL SELECT kind, authority FROM store.checkpoint_evidence) found
        GROUP BY kind, authority`,
    ),
  )
  for (const { kind, authority, count } of rows) gauge.set({ kind, authority }, count)
  return (written) => {
    for (const { kind, authority } of written) gauge.inc({ kind, authority })
  }
}
