/** `make chaos`: a system of its own from nothing, faults from a seed, and the proof that nothing was lost. */
import { Command, InvalidArgumentError } from 'commander'
import { tell } from '../cli/progress.js'
import type { Config } from '../config.js'
import { dataFolder } from '../services/services-config.js'
import { localSystem } from '../testing/local-system.js'
import { cliMust } from '../testing/run-cli.js'
import { mountResizableDisk, type ResizableDisk } from '../testing/small-disk.js'
import { type ChaosPlan, chaos } from './chaos.js'
import { FAULTS, faultsFor } from './faults.js'
import { postgresDiskFull } from './process-faults.js'
import { healingTable, isRight, resultJson } from './report.js'
import type { Fault } from './world.js'

interface Options {
  readonly duration: number
  readonly seed?: number
  readonly rounds: number
  readonly kinds: readonly Fault[]
  readonly table?: boolean
}

/** What half an hour of them takes is a quarter of it. */
const POSTGRES_MEBIBYTES = 4_096

export function chaosCommand(): Command {
  return new Command('chaos')
    .description('Breaks one thing after the other on four authorities under load, and shows that nothing is lost')
    .option('--duration <seconds>', 'how long faults are injected', whole, 600)
    .option('--seed <n>', 'decides what breaks, when and where (default: drawn, and printed)', whole)
    .option('--rounds <n>', 'each fault so many times at least, however long that takes', whole, 0)
    .option('--kinds <names>', 'these kinds of faults alone, as stage-killed,garbage', kinds, FAULTS)
    .option('--table', 'also prints the time from fault to healed as a table in Markdown')
    .addHelpText(
      'after',
      () => `${kindsHelp()}\nThe last line on stdout is one JSON object; exit code 1 if anything is not as it must be.`,
    )
    .action(async ({ duration, seed = Math.floor(Math.random() * 1_000_000), rounds, kinds: faults, table = false }: Options) => {
      tell(`seed ${seed}: run it again with --seed ${seed}`)
      const result = await onOwnSystem({ seed, seconds: duration, rounds, faults, tell })
      if (table) process.stdout.write(`${healingTable(result.healed)}\n`)
      process.stdout.write(`${resultJson(result)}\n`)
      if (!isRight(result)) process.exitCode = 1
    })
}

async function onOwnSystem(plan: ChaosPlan) {
  const system = await localSystem('chaos', { METERCHAIN_LANES: '2', METERCHAIN_LOG_LEVEL: 'info' })
  const postgresDisk = diskForPostgres(system.config, plan)
  const faults = faultsFor(plan.faults, postgresDisk !== undefined)
  try {
    if (faults.length === 0) throw new Error('nothing is left that could be broken here')
    await cliMust('up', '--authorities', '4')
    const whole = { ...plan, faults, ...(postgresDisk && { postgresDisk }) }
    return await Promise.race([chaos(system, whole), interrupted()])
  } finally {
    await system.remove(postgresDisk?.unmount)
  }
}

/** Only root can mount one: without it, that fault is left out. */
function diskForPostgres(config: Config, { faults, tell }: ChaosPlan): ResizableDisk | undefined {
  if (!faults.includes(postgresDiskFull)) return undefined
  try {
    return mountResizableDisk(dataFolder(config, 'postgres'), POSTGRES_MEBIBYTES)
  } catch (error) {
    tell(`${postgresDiskFull.kind} is left out: ${(error as Error).message}`)
    return undefined
  }
}

function interrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`stopped by ${signal}`)))
  })
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number')
  return Number(text)
}

function kinds(text: string): Fault[] {
  return text.split(',').map((name) => {
    const found = FAULTS.find(({ kind }) => kind === name)
    if (found === undefined) throw new InvalidArgumentError(`expected some of ${FAULTS.map(({ kind }) => kind).join(', ')}`)
    return found
  })
}

function kindsHelp(): string {
  const longest = Math.max(...FAULTS.map(({ kind }) => kind.length))
  return `\nKinds:\n${FAULTS.map(({ kind, meaning }) => `  ${kind.padEnd(longest)}  ${meaning}\n`).join('')}`
}
