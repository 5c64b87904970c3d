/** `make bench`: what a reading costs, beside what a bare signature check costs in the same minute. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { tell } from '../cli/progress.js'
import { type Config, loadConfig } from '../config.js'
import { claimPidFile } from '../supervisor/claim.js'
import { prepareSystem, resetSystem, startStages, stopStages, stopSystem, systemStatus } from '../system/system.js'
import { type BenchOptions, bench } from './bench.js'
import { processTable, rateTable, resultJson, type Shared, scalingTable } from './report.js'
import { benchSettings, isOwnHome } from './settings.js'

interface Options extends BenchOptions {
  readonly lanes?: number
  readonly authorities?: readonly number[]
}

/** What a chain of the bench's own is measured with, one after the other. */
const AUTHORITIES = [1, 4]

/** Takes the environment that stages are started with: the bench's own settings are put into it. */
export function benchCommand(env: Record<string, string | undefined>): Command {
  return new Command('bench')
    .description('Measures the whole way of signed readings, from the first byte sent to the last row visible in PostgreSQL')
    .option('--messages <n>', 'hourly messages of four intervals that are sent in batches of 500', whole(1), 50_000)
    .option('--single <n>', 'messages that are sent one a request', whole(1), 3_000)
    .option('--households <n>', 'meters that send them', whole(1), 2_000)
    .option('--lanes <n>', 'lanes of a new chain (default: METERCHAIN_LANES, else 4)', whole(1))
    .option(
      '--authorities <n,…>',
      'of new chains, measured one after the other (default: 1,4; with METERCHAIN_HOME as it is)',
      counts,
    )
    .addHelpText('after', '\nWithout METERCHAIN_HOME all runs in a home of its own, from nothing, and is deleted afterwards.')
    .addHelpText(
      'after',
      'With it, the bench uses that home as it is, adds its meters and readings, and stops only what it started.',
    )
    .addHelpText('after', 'The last line on stdout is one JSON object.')
    .action(async ({ lanes, authorities, ...options }: Options) => {
      Object.assign(env, benchSettings(env, lanes))
      const config = loadConfig(env)
      const results: Shared[] = []
      for (const count of authorities ?? (isOwnHome(config) ? AUTHORITIES : [undefined])) {
        if (count !== undefined) tell(`authorities: ${count}`)
        const result = await onSystem(config, count, () => bench(loadConfig(env), options))
        results.push({ authorities: count ?? 1, result })
      }
      show(results)
    })
}

function show([first, ...others]: readonly Shared[]): void {
  if (first === undefined) return
  const more = others.flatMap((each) => [processTable(each.result), rateTable(each.result), scalingTable(first.result, each)])
  const texts = [processTable(first.result), rateTable(first.result), ...more, resultJson(first.result, others)]
  for (const text of texts) process.stdout.write(`${text}\n`)
}

/** Starts what does not run, and stops it again, also after an error or Ctrl-C. */
async function onSystem<T>(config: Config, authorities: number | undefined, use: () => Promise<T>): Promise<T> {
  const lock = join(config.home, 'bench.pid')
  const other = claimPidFile(lock)
  if (other !== undefined) throw new Error(`another bench (pid ${other.pid}) runs with ${config.home}: wait for it`)
  try {
    if (isOwnHome(config)) await clear(config) // what a bench that was killed left
    const { services, stages } = await systemStatus(config)
    const [servicesRan, stagesRan] = [services, stages].map((all) => all.some(({ pid }) => pid !== undefined))
    try {
      return await Promise.race([started(config, authorities, use), interrupted()])
    } finally {
      if (isOwnHome(config)) await clear(config)
      else if (!servicesRan) await stopSystem(config, tell)
      else if (!stagesRan) await stopStages(config, tell)
    }
  } finally {
    rmSync(isOwnHome(config) ? config.home : lock, { recursive: true, force: true })
  }
}

async function started<T>(config: Config, authorities: number | undefined, use: () => Promise<T>): Promise<T> {
  await prepareSystem(config, { network: 'bench', authorities, consensus: undefined }, tell)
  await startStages(config, tell)
  return use()
}

async function clear(config: Config): Promise<void> {
  await stopSystem(config, tell)
  await resetSystem(config)
}

function interrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`stopped by ${signal}`)))
  })
}

function whole(low: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < low) throw new InvalidArgumentError(`expected a whole number from ${low} on`)
    return number
  }
}

function counts(text: string): number[] {
  return text.split(',').map(whole(1))
}
