import { Command, InvalidArgumentError } from 'commander'
import { DAY, dayOfDate } from '../../../schemas/tariff/civil.js'
import { loadConfig } from '../../config.js'
import { tell } from '../progress.js'
import { doorUrlOf, withSender } from '../sender.js'
import { DEFAULT_BEGIN, enrolRun, type SimulatedRun, sendRun, signRun } from '../simulation.js'

interface SimulateOptions {
  households: number
  days: number
  seed: number
  from: number
  door?: string
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'Simulates households: enrols their meters, signs an hourly message of quarter-hours each, and sends until all counts',
    )
    .option('--households <n>', 'how many', whole(1, 10_000_000), 200)
    .option('--days <n>', 'how long; each run goes on where the one before ended', whole(1, 3_660), 1)
    .option('--seed <n>', 'the same seed gives the same readings', whole(0, 2 ** 32 - 1), 1)
    .option('--from <date>', 'first day (GMT) of the first run', midnight, DEFAULT_BEGIN)
    .option('--door <url>', 'default: the local door')
    .action(async ({ households, days, seed, from, door }: SimulateOptions) => {
      const config = loadConfig()
      const run: SimulatedRun = { households, days, seed, begin: from }
      await withSender(config, door ?? doorUrlOf(config), async (sender) => {
        const signed = signRun(sender.store, run)
        await enrolRun(sender, run)
        const report = await sendRun(sender, signed)
        for (const { meter, reason } of report.setAside) tell(`${meter} is set aside: ${reason}`)
        const left = sender.store.countUnconfirmed(signed.meters)
        process.stdout.write(`${report.confirmed} messages count, ${left} are left\n`)
        if (left > 0) process.exitCode = 1
      })
    })
}

function whole(low: number, high: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < low || number > high)
      throw new InvalidArgumentError(`expected a whole number from ${low} to ${high}`)
    return number
  }
}

function midnight(text: string): number {
  const day = dayOfDate(text)
  if (day === undefined) throw new InvalidArgumentError('expected a date of the calendar, as 2026-01-31')
  return day * DAY
}
