import { Command } from 'commander'
import pino from 'pino'
import type { Difference } from '../../../projector/audit/compare.js'
import { kafkaSource } from '../../../projector/audit/kafka-source.js'
import { type AuditResult, audit } from '../../../projector/audit.js'
import { type Config, loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { withRuntime } from '../../system/system.js'
import { startProgress } from '../progress.js'

interface AuditOptions {
  limit: string
  json?: boolean
}

export function auditCommand(): Command {
  return new Command('audit')
    .description(
      'Compares every row in PostgreSQL with the logs, and names each that differs, is missing or is too many; exit code 1 if any',
    )
    .option('--limit <n>', 'rows that are named; all are counted', '100')
    .option('--json', 'as JSON')
    .action(async ({ limit, json = false }: AuditOptions) => {
      const result = await runAudit(loadConfig(), Number(limit))
      const text = json ? JSON.stringify(result) : auditLines(result).join('\n')
      process.stdout.write(`${text}\n`)
      if (result.differenceCount > 0) process.exitCode = 1
    })
}

/** One audit, with progress on stderr. */
export function runAudit(config: Config, limit: number): Promise<AuditResult> {
  const progress = startProgress('audit: blocks')
  return withRuntime(config, 'audit', pino({ level: 'silent' }), ({ kafka, registry, signatures }) =>
    audit({
      source: kafkaSource(kafka, config),
      registry: registry.state,
      verify: signatures.verify,
      databaseUrl: databaseUrls(config).writer,
      limit,
      onProgress: ({ blocks, blocksInAll, rowsCompared }) =>
        progress.update(Number(blocks), Number(blocksInAll), `${rowsCompared} rows`),
    }),
  ).finally(() => progress.stop())
}

export function auditLines({ differences, differenceCount, rowsCompared }: AuditResult): string[] {
  const unnamed = differenceCount - differences.length
  return [
    ...differences.map(differenceLine),
    ...(unnamed > 0 ? [`… and ${unnamed} more (see --limit)`] : []),
    `${rowsCompared} rows compared with the logs: ${differenceCount === 0 ? 'all are as they must be' : `${differenceCount} are not`}`,
  ]
}

function differenceLine({ table, kind, key, expected, found }: Difference): string {
  const fields = (values: Readonly<Record<string, string | null>> | undefined) =>
    Object.entries(values ?? {}).map(([name, value]) => `${name}=${value ?? 'null'}`)
  const where = `${table} (${fields(key).join(', ')}) ${kind}`
  if (kind === 'differs')
    return `${where}: the log demands ${fields(expected).join(', ')}, the table holds ${fields(found).join(', ')}`
  return where
}
