/** How many lives in a row ended before their store had proved itself. LMDB reads what was altered without a doubt of its own, and may
 *  end the process (SIGSEGV, in 1 of 120 files with a bit changed): then nobody is left to say that the store is damaged. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/** An operator may kill one in its first half minute, and the broker may be away: this often in a row is the store. */
const LIVES = 4

const fileOf = (path: string): string => `${path}.lives`

/** One more life begins on the store at `path`. True: so many have ended at once that it is to be thrown away. */
export function beginLife(path: string): boolean {
  const file = fileOf(path)
  const before = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  const isDamaged = !(before < LIVES)
  writeFileSync(file, String(isDamaged ? 1 : before + 1))
  return isDamaged
}

/** The store has proved itself, or the life ended in order. */
export function endLife(path: string): void {
  rmSync(fileOf(path), { force: true })
}
