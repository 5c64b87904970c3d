import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import pino from 'pino'
import { type FillSource, kafkaFillSource } from '../../../projector/fill-source.js'
import { urlOf } from '../../../projector/migrate.js'
import { type Replayed, replay } from '../../../projector/replay/replay.js'
import type { Counted, ReplayDeps, Step } from '../../../projector/replay/replay-deps.js'
import { withReplicaSource } from '../../../projector/replay/replica-source.js'
import { dropSet, type SetPlace } from '../../../projector/replay/set-place.js'
import { boundText, parseBound, replayUntil } from '../../../projector/replay/until.js'
import type { Bound } from '../../../projector/replay/within.js'
import { OLD, prefixOf, REPLAYED, type SetPrefix } from '../../../projector/schema-set.js'
import { type Config, loadConfig } from '../../config.js'
import { selfTest, sodiumSignatures } from '../../crypto/sodium.js'
import { loadGenesis } from '../../registry/genesis.js'
import { postgresAdminUrl } from '../../services/postgres.js'
import { databaseUrls, isLocalDatabase } from '../../system/database-urls.js'
import { withRuntime } from '../../system/system.js'
import { startProgress } from '../progress.js'
import { table } from '../table.js'

interface ReplayOptions {
  from?: string
  genesis?: string
  verify: 'votes' | 'full'
  threads?: number
  adminUrl?: string
  dropOld?: boolean
  dropUnfinished?: boolean
  until?: Bound
  as?: SetPrefix
  drop?: SetPrefix
  json?: boolean
}

const EXAMPLES = `
All tables are made anew from the logs in schemas of their own (replay_ledger, replay_store, replay_analytics) while the live ones are
read and written. At the end their digests are compared with those of the live tables, at equal heights; where all are equal both are
renamed in one transaction, and the projector goes on in the new ones. It may be stopped or killed at any time: the same command goes on.

--from takes a replica's raw records in the place of Kafka, which need not be there. Nothing in it is believed: each event, block and
checkpoint is proved from the genesis before it makes a row. Offsets and append times, which nobody signs, are as the replica says; what
topics rejections and repairs told is copied from the live tables.

Examples:
  $ meterchain replay                 replay, compare, put in place; the tables so far are kept in old_ledger, old_store, …
  $ meterchain replay --verify full   check the signature of each reading again, and not the votes alone
  $ meterchain replay --until 2026-05-01T00:00:00Z --as may   the tables as they were, in may_analytics, may_store, …
  $ meterchain diff may live          what changed since
  $ meterchain replay --from postgresql://…   from somebody else's replica, or a backup of one
  $ meterchain replay --drop-old      delete the tables that the last replay replaced
`

export function replayCommand(): Command {
  return new Command('replay')
    .description('Makes all tables again from the logs, beside the live ones, and puts them in their place')
    .addOption(
      new Option('--verify <what>', 'whose word is taken for signatures of readings').choices(['votes', 'full']).default('votes'),
    )
    .option('--threads <n>', 'that fill the lanes, from Kafka. Default: one a core, at most 8 and one a lane', threadsOf)
    .option('--from <url>', 'a PostgreSQL that holds the raw records (schema ledger), in the place of Kafka')
    .option('--genesis <file>', 'with --from: the genesis to trust. Default: genesis.json of the home')
    .option('--admin-url <url>', 'your own PostgreSQL: a role that is a member of meterchain_owner')
    .option('--drop-old', 'deletes the tables that the last replay replaced, and does nothing else')
    .option(
      '--until <bound>',
      'up to checkpoint:SIZE, height:N or a time, into a set of its own that stays beside the live one',
      parsed(parseBound),
    )
    .option('--as <name>', 'with --until: the set’s name; its schemas are NAME_analytics, …', parsed(prefixOf))
    .option('--drop <name>', 'deletes the set of that name, and does nothing else', parsed(prefixOf))
    .option('--drop-unfinished', 'deletes what an unfinished replay made so far, and does nothing else')
    .option('--json', 'the result as JSON')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function run(options: ReplayOptions): Promise<void> {
  selfTest(sodiumSignatures)
  const config = loadConfig()
  const place = setPlace(config, options.adminUrl)
  if (options.dropOld) return drop(place, OLD)
  if (options.dropUnfinished) return drop(place, REPLAYED)
  if (options.drop !== undefined) return drop(place, options.drop)
  if (options.until !== undefined) return runUntil(config, place, options, options.until)
  const result = await withSignals((signal) => withDeps({ config, place, options, set: REPLAYED, signal }, replay))
  for (const line of options.json ? [JSON.stringify(result)] : resultLines(result)) print(line)
  if (result.differing.length > 0) process.exitCode = 1
}

async function drop(place: SetPlace, set: SetPrefix): Promise<void> {
  print((await dropSet(place, set)) ? `schemas ${set}… are deleted` : `there are no schemas ${set}…`)
}

async function runUntil(config: Config, place: SetPlace, options: ReplayOptions, bound: Bound): Promise<void> {
  const { as: set } = options
  if (set === undefined) throw new Error('what shall the set be called? --as NAME')
  const { messages, intervals } = await withSignals((signal) =>
    withDeps({ config, place, options, set, signal }, (deps) => replayUntil(deps, set, bound)),
  )
  print(`${set}analytics holds the tables ${boundText(bound)}: ${messages} messages, ${intervals} intervals were replayed`)
}

function threadsOf(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('not a whole number from 1 to 999')
  return Number(text)
}

function parsed<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}

/** Where sets of schemas are made. Throws Error where the database is the user’s own, and nobody said who may make schemas there. */
export function setPlace(config: Config, adminUrl: string | undefined): SetPlace {
  const { writer } = databaseUrls(config)
  if (adminUrl === undefined && !isLocalDatabase(config))
    throw new Error('who makes schemas in your PostgreSQL? Name a member of role meterchain_owner: --admin-url')
  return { adminUrl: urlOf(adminUrl ?? postgresAdminUrl(config), new URL(writer).pathname.slice(1)) }
}

/** SIGINT and SIGTERM end it in order; what was written is kept. */
export async function withSignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const onSignal = () => stop.abort(new Error('stopped; the same command goes on where it was'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
  try {
    return await work(stop.signal)
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
  }
}

const TITLES: Readonly<Record<Step, string>> = {
  ...{
    records: 'replay: records',
    indexes: 'replay: indexes',
    digests: 'replay: digests of the live tables',
    swap: 'replay: in place',
  },
}

/** A bar for each step, with the rate since it began. */
export function stepProgress() {
  let step: Step | undefined
  let progress = startProgress('')
  let began = { at: 0, intervals: 0, messages: 0 }
  return {
    update: (now: Step, done: number, all: number, { messages, intervals }: Counted) => {
      if (now !== step) {
        progress.stop()
        progress = startProgress(TITLES[now])
        step = now
        began = { at: Date.now(), intervals, messages }
      }
      const seconds = Math.max(1, Date.now() - began.at) / 1000
      const rate = (count: number) => Math.round(count / seconds)
      const note = `${rate(messages - began.messages)} messages/s, ${rate(intervals - began.intervals)} intervals/s`
      progress.update(done, all, now === 'records' ? note : '')
    },
    stop: () => progress.stop(),
  }
}

interface Asked {
  readonly config: Config
  readonly place: SetPlace
  readonly options: ReplayOptions
  /** The set that is filled. */
  readonly set: SetPrefix
  readonly signal: AbortSignal
}

function withDeps<T>(asked: Asked, use: (deps: ReplayDeps) => Promise<T>): Promise<T> {
  const { config, place, options, signal } = asked
  const progress = stepProgress()
  return withSource(asked, (source) =>
    use({
      ...{ logger: pino({ level: 'silent' }), source, place, signal, databaseUrl: databaseUrls(config).writer },
      checksSignatures: options.verify === 'full',
      ...(options.threads !== undefined && { threads: options.threads }),
      onProgress: progress.update,
    }),
  ).finally(() => progress.stop())
}

async function withSource<T>({ config, place, options, set }: Asked, use: (source: FillSource) => Promise<T>): Promise<T> {
  const { from: url, genesis = join(config.home, 'genesis.json') } = options
  if (url === undefined)
    return withRuntime(config, 'replay', pino({ level: 'silent' }), (runtime) =>
      use(kafkaFillSource({ ...runtime, groupPrefix: 'meterchain-replay' })),
    )
  const { chainId } = await loadGenesis(genesis)
  const { witnesses } = config
  return withReplicaSource({ url, chainId, signatures: sodiumSignatures, witnesses, place, set }, use)
}

function resultLines({ digests, differing, notCompared, messages, intervals, millis }: Replayed): string[] {
  const verdict = (name: string) => (differing.includes(name) ? 'differs from the live table' : 'equal')
  const rows = digests.map((each) => [
    each.table,
    each.digest,
    notCompared.find(({ table }) => table === each.table)?.why ?? verdict(each.table),
  ])
  return [
    table(['table', 'SHA-256 of its rows', 'live'], rows),
    `${messages} messages, ${intervals} intervals in ${millis} ms`,
    differing.length === 0
      ? 'in place; the tables so far are kept until meterchain replay --drop-old'
      : `not put in place: ${differing.join(', ')} differ from the live tables. Which are right? meterchain audit; then the same command goes on`,
  ]
}
