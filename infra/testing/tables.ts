/** Tables of a ledger whose stages run in this process: a projector with a database of its own, and what an audit says of it. */

import { kafkaSource } from '../../projector/audit/kafka-source.js'
import { type AuditResult, audit } from '../../projector/audit.js'
import { startProjector } from '../../projector/run.js'
import type { Config } from '../config.js'
import type { Running, Runtime } from '../stage-runtime.js'
import { createTestDatabase } from './postgres.js'

/** Projects all that is final now, audits every row, and deletes the database again. */
export async function projectAndAudit(runtime: Runtime & Running, config: Config): Promise<AuditResult> {
  const database = await createTestDatabase()
  try {
    const projector = await startProjector({ ...runtime, config, databaseUrl: database.writerUrl })
    try {
      await projector.caughtUp()
      const { kafka, registry, signatures } = runtime
      const source = kafkaSource(kafka, config)
      return await audit({ source, registry: registry.state, verify: signatures.verify, databaseUrl: database.writerUrl })
    } finally {
      await projector.stop()
    }
  } finally {
    await database.drop()
  }
}
