import { Gauge, type Registry } from 'prom-client'
import type { Evidence } from '../schemas/evidence.js'
import type { Database } from './database.js'

/** Pieces of evidence in the tables, by kind and authority: those that are there, then those that are written. Gives what counts. */
export async function evidenceMetric(
  registry: Registry,
  database: Database,
): Promise<(written: readonly Pick<Evidence, 'kind' | 'authority'>[]) => void> {
  const gauge = new Gauge({
    name: 'meterchain_evidence',
    help: 'pieces of evidence against an authority',
    labelNames: ['kind', 'authority'] as const,
    registers: [registry],
  })
  const { rows } = await database.transaction((client) =>
    client.query<{ kind: string; authority: string; count: number }>(
      'SELECT kind, authority, count(*)::int AS count FROM store.evidence GROUP BY kind, authority',
    ),
  )
  for (const { kind, authority, count } of rows) gauge.set({ kind, authority }, count)
  return (written) => {
    for (const { kind, authority } of written) gauge.inc({ kind, authority })
  }
}
