/** What a person at the command line does where a fault's way back needs one. */
import { runAudit } from '../cli/commands/audit.js'
import type { RestorableTopic } from '../restore/restorable.js'
import { cliMust, runCli } from '../testing/run-cli.js'
import type { World } from './world.js'

export async function restore(topic: RestorableTopic): Promise<void> {
  await cliMust('restore', '--topic', topic, '--recreate', '--yes')
}

/** Whether a reader with nothing else in hand comes to all that the tables prove. */
export const isWhole = async (topic: RestorableTopic): Promise<boolean> => (await runCli('restore', '--topic', topic)).code === 0

/** What was appended again has other offsets and later times, which the audit puts into the tables. */
export async function auditAfterRestore({ config }: World): Promise<void> {
  await runAudit(config, 10, [])
}
