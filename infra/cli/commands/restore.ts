import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import pino from 'pino'
import { type Config, loadConfig } from '../../config.js'
import { selfTest, sodiumSignatures } from '../../crypto/sodium.js'
import { createKafka } from '../../kafka/client.js'
import { LogWriter } from '../../kafka/log-writer.js'
import { registerSchemas } from '../../kafka/schema-ids.js'
import { ensureTopics } from '../../kafka/topics.js'
import { loadGenesis } from '../../registry/genesis.js'
import { type TellRepair, ToldRepair, tellInto } from '../../repairs/repair-events.js'
import { carryOut, commandFor } from '../../restore/carry-out.js'
import { RESTORABLE, type RestorableTopic } from '../../restore/restorable.js'
import { withPlans } from '../../restore/restore.js'
import type { PartitionPlan, TopicPlan } from '../../restore/restore-topic.js'
import { databaseUrls } from '../../system/database-urls.js'
import { startProgress } from '../progress.js'
import { table } from '../table.js'

interface RestoreCommandOptions {
  topic: RestorableTopic[]
  from?: string
  genesis?: string
  yes?: boolean
  recreate?: boolean
}

const EXAMPLES = `
Without --yes nothing is written: it shows what a reader with nothing else in hand makes final of the logs, and what the replica proves.
The replica is not trusted: its registry is folded from the genesis, its blocks by their certificates, before a byte is written.

Examples:
  $ meterchain restore                                  what is missing in chain, registry and checkpoints
  $ meterchain restore --yes                            append it; live stages skip what they know
  $ meterchain restore --topic registry --recreate --yes make the topic again, where appending cannot do
  $ meterchain restore --from postgresql://… --yes      from somebody else's replica
`

export function restoreCommand(): Command {
  return new Command('restore')
    .description('Puts back what topics chain, registry and checkpoints have lost, from a PostgreSQL replica')
    .option('--topic <name>', 'this topic alone; may be given again', topics, [])
    .option('--from <url>', 'the replica. Default: the database of these settings')
    .option('--genesis <file>', 'the genesis to trust. Default: genesis.json of the home')
    .option('--yes', 'do it')
    .option('--recreate', 'where appending cannot do, delete the topic and make it again from the replica, in its order')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

function topics(text: string, before: RestorableTopic[]): RestorableTopic[] {
  const found = RESTORABLE.find((each) => each === text)
  if (found === undefined) throw new InvalidArgumentError(`expected one of ${RESTORABLE.join(', ')}`)
  return [...before, found]
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function run(options: RestoreCommandOptions): Promise<void> {
  selfTest(sodiumSignatures)
  const config = loadConfig()
  const { chainId } = await loadGenesis(options.genesis ?? join(config.home, 'genesis.json'))
  const logger = pino({ level: 'silent' })
  const kafka = createKafka(config, logger)
  const ids = await registerSchemas(config, logger)
  const writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
  const progress = startProgress('restore: records')
  const wanted = options.topic.length === 0 ? RESTORABLE : options.topic
  let total = 0
  let done = 0
  try {
    if (options.yes) await ensureTopics(kafka, config)
    const deps = {
      ...{ kafka, config, logger, writer, ids, verify: sodiumSignatures.verify },
      onAppended: (_topic: RestorableTopic, records: number) => {
        done += records
        total = Math.max(total, done)
        progress.update(done, total)
      },
    }
    const source = { replicaUrl: options.from ?? databaseUrls(config).writer, chainId, topics: wanted }
    const isWhole = await withPlans(source, deps, async (plan) => {
      for (const line of planLines(plan)) print(line)
      total = done + Number(plan.partitions.reduce((sum, { missing }) => sum + missing, 0n))
      return plan.isWhole || (await restore(plan, options, config, tellInto({ writer, ids })))
    })
    if (isWhole.includes(false)) process.exitCode = 1
  } finally {
    progress.stop()
    await writer.disconnect()
  }
}

/** Whether the topic is whole afterwards. */
async function restore(
  plan: TopicPlan,
  { yes = false, recreate = false }: RestoreCommandOptions,
  config: Config,
  tell: TellRepair,
): Promise<boolean> {
  if (!yes || (plan.mustRecreate !== undefined && !recreate)) {
    print(`${plan.topic}: nothing was written. Do it: ${commandFor(plan)}`)
    return false
  }
  const began = Date.now()
  const note = { kind: 'restore', lane: -1, subject: `topic ${plan.topic}`, fault: 'records-lost', by: config.authority } as const
  const told = new ToldRepair(note, tell, began)
  await told.requested(planLines(plan).join('; '))
  const { status, detail } = await carryOut(plan, recreate).catch(async (error: Error) => {
    await told.ended('failed', error.message)
    throw error
  })
  await told.ended(status, detail)
  print(`${plan.topic}: ${detail}, in ${Date.now() - began} ms`)
  return true
}

/** What stands where, for a person. */
export function planLines({ topic, partitions, mustRecreate, isWhole }: TopicPlan): string[] {
  const rows = partitions.map((each) => [topic, each.partition, each.inLog, each.inReplica, each.missing, damageText(each)])
  const what = topic === 'registry' ? 'records' : 'final'
  return [
    table(['topic', 'partition', `${what} in the log`, `${what} in the replica`, 'missing', 'damage'], rows),
    ...(mustRecreate === undefined ? [] : [`${topic} must be made again: ${mustRecreate}`]),
    ...(isWhole ? [`${topic}: nothing to restore`] : []),
  ]
}

const damageText = ({ damages, conflict }: PartitionPlan): string =>
  [
    ...damages.map(({ from, to }) => (to - from === 1n ? `offset ${from}` : `offsets ${from} to ${to - 1n}`)),
    ...(conflict === undefined ? [] : [`another block at height ${conflict}`]),
  ].join(', ')
