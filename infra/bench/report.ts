/** The figures for people, and for programs. Pure. */
import { table } from '../cli/table.js'
import type { Measured } from './measure.js'
import type { Spread } from './percentile.js'

export interface BenchResult {
  readonly batches: Measured
  readonly single: Measured
  /** Bare signature checks a second of one core while the other is busy too. */
  readonly verifyPerSecond: number
}

const MIB = 1024 * 1024
const round = (value: number, digits = 0): number => Number(value.toFixed(digits))
const rounded = ({ p50, p99 }: Spread) => ({ p50: round(p50 ?? Number.NaN), p99: round(p99 ?? Number.NaN) })

/** CPU µs of a message by process, where it could be measured. */
export function cpuByProcess({ usage, messages }: Measured): [name: string, micros: number][] {
  return usage.flatMap(({ name, spent }) => (spent === undefined ? [] : [[name, spent.cpuMicros / messages]]))
}

/** Of which stage a process is: each authority has a chainer and a validator of its own. */
export const stageOf = (process: string): string => process.replace(/-.*$/, '')

/** CPU µs of a message by stage, all authorities' together. */
export function cpuByStage(measured: Measured): Map<string, number> {
  const sums = new Map<string, number>()
  for (const [name, micros] of cpuByProcess(measured)) sums.set(stageOf(name), (sums.get(stageOf(name)) ?? 0) + micros)
  return sums
}

const cpuTotal = (measured: Measured): number => cpuByProcess(measured).reduce((sum, [, micros]) => sum + micros, 0)

/** A row a process: CPU in both measurements, memory at its highest. */
export function processTable({ batches, single }: BenchResult): string {
  const cpu = ({ usage, messages }: Measured, index: number) => {
    const spent = usage[index]?.spent
    return spent === undefined ? 'elsewhere' : `${round(spent.cpuMicros / messages)} µs`
  }
  const rows = batches.usage.map(({ name }, index) => {
    const bytes = Math.max(...[batches, single].map(({ usage }) => usage[index]?.spent?.maxAnonBytes ?? 0))
    return [name, cpu(batches, index), cpu(single, index), `${round(bytes / MIB)} MiB`]
  })
  const total = ['all', `${round(cpuTotal(batches))} µs`, `${round(cpuTotal(single))} µs`, '']
  return table(['process', 'CPU a message, batches', 'CPU a message, single', 'memory, highest'], [...rows, total])
}

/** A row a figure. */
export function rateTable({ batches, single, verifyPerSecond }: BenchResult): string {
  const spread = ({ p50, p99 }: Spread) => `${round(p50 ?? Number.NaN)} ms, ${round(p99 ?? Number.NaN)} ms`
  const both = (of: (measured: Measured) => string) => [of(batches), of(single)]
  return table(
    ['from the first byte sent to the last row visible', 'batches', 'single'],
    [
      ['messages', ...both(({ messages }) => String(messages))],
      ['seconds', ...both(({ seconds }) => seconds.toFixed(2))],
      ['messages/s', ...both(({ messagesPerSecond }) => String(round(messagesPerSecond)))],
      ['intervals/s', ...both(({ intervalsPerSecond }) => String(round(intervalsPerSecond)))],
      ['blocks', ...both(({ blocks }) => String(blocks))],
      ['from 202 to final (p50, p99)', ...both(({ finalMillis }) => spread(finalMillis))],
      ['from 202 to visible (p50, p99)', ...both(({ visibleMillis }) => spread(visibleMillis))],
      ['bare signature checks/s of one core', String(round(verifyPerSecond)), ''],
      ['messages/s ÷ checks/s', ...both(({ messagesPerSecond }) => (messagesPerSecond / verifyPerSecond).toFixed(3))],
    ],
  )
}

/** The same work by several authorities. */
export interface Shared {
  readonly authorities: number
  readonly result: BenchResult
}

/** What each stage of all authorities together costs, beside the one authority's. */
export function scalingTable(one: BenchResult, { authorities, result }: Shared): string {
  const [alone, together] = [cpuByStage(one.batches), cpuByStage(result.batches)]
  const rows = [...together].map(([stage, micros]) => {
    const before = alone.get(stage)
    return [stage, before === undefined ? '' : `${round(before)} µs`, `${round(micros)} µs`, ratioText(micros, before)]
  })
  const all = [one, result].map(({ batches }) => cpuTotal(batches))
  const total = ['all', ...all.map((micros) => `${round(micros)} µs`), ratioText(all[1] ?? 0, all[0])]
  return table(['CPU a message, batches', '1 authority', `${authorities} authorities`, 'times'], [...rows, total])
}

const ratioText = (micros: number, before: number | undefined): string =>
  before === undefined || before === 0 ? '' : (micros / before).toFixed(2)

/** The last line on stdout. Times in milliseconds, CPU in µs a message. `shared` says, for each number of authorities, how many times
 *  the one authority's CPU theirs is: in all, and by stage. */
export function resultJson({ batches, single, verifyPerSecond }: BenchResult, shared: readonly Shared[] = []): string {
  const figures = (measured: Measured) => ({
    messages: measured.messages,
    seconds: round(measured.seconds, 2),
    messagesPerSecond: round(measured.messagesPerSecond),
    intervalsPerSecond: round(measured.intervalsPerSecond),
    ratio: round(measured.messagesPerSecond / verifyPerSecond, 3),
    final: rounded(measured.finalMillis),
    visible: rounded(measured.visibleMillis),
    cpu: Object.fromEntries(cpuByProcess(measured).map(([name, micros]) => [name, round(micros, 1)])),
    cpuTotal: round(cpuTotal(measured), 1),
  })
  const alone = cpuByStage(batches)
  const timesOne = ({ batches: theirs }: BenchResult) => ({
    all: round(cpuTotal(theirs) / cpuTotal(batches), 2),
    ...Object.fromEntries(
      [...cpuByStage(theirs)].map(([stage, micros]) => [stage, round(micros / (alone.get(stage) ?? micros), 2)]),
    ),
  })
  const more = shared.map(({ authorities, result }) => ({ authorities, ...figures(result.batches), timesOne: timesOne(result) }))
  const rest = { verifyPerSecond: round(verifyPerSecond), single: figures(single) }
  return JSON.stringify({ ...figures(batches), ...rest, ...(more.length > 0 && { shared: more }) })
}
