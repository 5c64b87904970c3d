// Jest's globalSetup: what tests put into the folder for temporary files is gone when the run ends, also what a killed process left there.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export default function ownFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'meterchain-tests-'))
  chmodSync(folder, 0o1777) // as /tmp is: PostgreSQL of a root's tests is another user's process
  process.env.TMPDIR = folder
  process.once('exit', () => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    } catch (error) {
      process.stderr.write(`${folder} is left: ${error.message}\n`) // who is killed may leave a disk mounted
    }
  })
}
