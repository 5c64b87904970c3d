import { Command } from 'commander'
import { loadConfig } from '../../config.js'
import { type SystemStatus, systemStatus } from '../../system/system.js'
import { table } from '../table.js'

export function statusCommand(): Command {
  return new Command('status')
    .description('Shows which services and stages run here and whether they do their work; exit code 1 if one does not')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const status = await systemStatus(loadConfig())
      process.stdout.write(`${json ? JSON.stringify(status) : statusTable(status)}\n`)
      if (!isWhole(status)) process.exitCode = 1
    })
}

export const isWhole = ({ services, stages }: SystemStatus): boolean =>
  services.every((each) => each.isHealthy) && stages.every((each) => each.isReady)

function statusTable({ services, stages }: SystemStatus): string {
  const state = (pid: number | undefined, isUp: boolean) => (pid === undefined ? 'stopped' : isUp ? 'ready' : 'not ready')
  return table(
    ['what', 'state', 'pid', 'address'],
    [
      ...services.map(({ name, pid, isHealthy, address }) => [name, state(pid, isHealthy), pid, address]),
      ...stages.map(({ name, pid, isReady }) => [name, state(pid, isReady), pid, '']),
    ],
  )
}
