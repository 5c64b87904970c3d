/** What must hold of a system at rest: every acknowledged reading counts once, all validators say the same, and log, tables and an
 *  independent verification agree. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import pino from 'pino'
import { withClient } from '../../projector/migrate.js'
import type { Replayed } from '../../projector/replay/replay.js'
import { hex } from '../../schemas/bytes.js'
import { decodeChainRecord } from '../../schemas/records.js'
import type { RepairRow } from '../cli/commands/repairs.js'
import { doorUrlOf } from '../cli/sender.js'
import { finalHeights, untilVisible } from '../cli/visible.js'
import type { Config } from '../config.js'
import { createKafka } from '../kafka/client.js'
import { endOffsets, readLog } from '../kafka/log-reader.js'
import { databaseUrls } from '../system/database-urls.js'
import { genesisPath } from '../system/genesis-file.js'
import { cliMust } from './run-cli.js'

export const withDatabase = <T>(config: Config, role: 'writer' | 'analyst', use: (client: pg.Client) => Promise<T>): Promise<T> =>
  withClient(databaseUrls(config)[role], use)

/** Resolves when what is final for the door stands in the tables. */
export const untilAllVisible = (config: Config): Promise<void> =>
  withDatabase(config, 'analyst', async (client) => untilVisible(client, await finalHeights(doorUrlOf(config)), 60_000))

export interface CountedReadings {
  readonly counted: number
  /** Acknowledged readings that are not among those that count. */
  readonly lost: string[]
  /** Readings that count more than once: by leaf hash, or by meter and sequence. */
  readonly twice: number
}

export function countReadings(config: Config, acknowledged: ReadonlySet<string>): Promise<CountedReadings> {
  return withDatabase(config, 'writer', async (client) => {
    const { rows } = await client.query<{ leaf: string; place: string }>(
      `SELECT encode(leaf, 'hex') AS leaf, meter || ' ' || sequence AS place FROM store.readings`,
    )
    const leaves = new Set(rows.map(({ leaf }) => leaf))
    const places = new Set(rows.map(({ place }) => place))
    return {
      counted: rows.length,
      lost: [...acknowledged].filter((leaf) => !leaves.has(leaf)),
      twice: 2 * rows.length - leaves.size - places.size,
    }
  })
}

/** Verifies the log from its genesis up to the tips that PostgreSQL holds, and every row against the log. Throws Error with what is
 *  wrong; returns how many readings count in the log. */
export async function verifyAndAudit(config: Config): Promise<{ counted: number }> {
  const tips = join(config.home, 'tips.json')
  writeFileSync(tips, JSON.stringify(await tipsInTables(config)))
  const verified = JSON.parse(
    await cliMust('verify', '--json', '--genesis', genesisPath(config.home), '--expect-tips', tips),
  ) as { totals: { counted: number } }
  const audited = JSON.parse(await cliMust('audit', '--json')) as { differenceCount: number; rowsCompared: number }
  if (audited.rowsCompared < verified.totals.counted)
    throw new Error(`the audit compared ${audited.rowsCompared} rows, and ${verified.totals.counted} readings count`)
  return { counted: verified.totals.counted }
}

/** Repairs of a kind that `meterchain repairs` tells of now. */
export async function toldRepairs(kind: string): Promise<RepairRow[]> {
  const lines = (await cliMust('repairs', '--json')).split('\n').filter((line) => line !== '')
  return lines.map((line): RepairRow => JSON.parse(line)).filter((row) => row.kind === kind)
}

/** Makes all tables again from the logs, beside the live ones, and holds their digests against each other. Throws Error where they differ. */
export async function replayAndCompare(): Promise<void> {
  const { differing, notCompared, digests } = JSON.parse(await cliMust('replay', '--json')) as Replayed
  if (differing.length > 0 || notCompared.length > 0 || digests.length === 0)
    throw new Error(`a replay gives other tables: ${JSON.stringify({ differing, notCompared })}`)
  await cliMust('replay', '--drop-old')
}

function tipsInTables(config: Config): Promise<Record<string, { height: number; hash: string }>> {
  return withDatabase(config, 'analyst', async (client) => {
    const { rows } = await client.query<{ lane: number; height: string; hash: string }>(
      'SELECT DISTINCT ON (lane) lane, height, hash FROM analytics.blocks ORDER BY lane, height DESC',
    )
    return Object.fromEntries(rows.map(({ lane, height, hash }) => [lane, { height: Number(height), hash }]))
  })
}

/** Blocks of which two accepts in the log differ, whoever voted but those who are false; and who voted at all. */
export async function votesInLog(
  config: Config,
  isFalse: (authority: string) => boolean = () => false,
): Promise<{ voters: string[]; contradicted: string[] }> {
  const kafka = createKafka(config, pino({ level: 'silent' }))
  const verdicts = new Map<string, Set<string>>()
  const voters = new Set<string>()
  for (const [lane, { low, high }] of await endOffsets(kafka, config.topicPrefix, 'chain')) {
    const part = { kafka, topicPrefix: config.topicPrefix, topic: 'chain', partition: lane, from: low, until: high } as const
    for await (const { value } of readLog(part)) {
      const record = decodeChainRecord(value)
      if (record?.kind !== 'vote' || record.vote.judgement.kind !== 'accept') continue
      voters.add(record.vote.authority)
      if (isFalse(record.vote.authority)) continue
      const block = hex(record.vote.block)
      verdicts.set(block, (verdicts.get(block) ?? new Set()).add(hex(record.vote.judgement.verdictHash)))
    }
  }
  const contradicted = [...verdicts].filter(([, said]) => said.size > 1).map(([block]) => block)
  return { voters: [...voters].sort(), contradicted }
}
