/** Commands that may run at once with one home: each folds the registry into a store of its own, which the next one goes on with. Two that
 *  fold into one store would each miss, or count again, what the other has folded. */
import { rmSync } from 'node:fs'
import { claimPidFile } from '../supervisor/claim.js'
import { pidFile } from '../supervisor/stage-files.js'

/** Of one name. */
const AT_ONCE = 8
/** Claims of this process: it may run several commands itself. */
const mine = new Set<string>()

/** Runs `use` with the name of a store that nobody else has meanwhile: `name`, `name-2` and so on. */
export async function withOwnStore<T>(home: string, name: string, use: (store: string) => Promise<T>): Promise<T> {
  const { store, claim } = claimStore(home, name)
  try {
    return await use(store)
  } finally {
    mine.delete(claim)
    rmSync(claim, { force: true })
  }
}

function claimStore(home: string, name: string): { store: string; claim: string } {
  for (let slot = 1; slot <= AT_ONCE; slot++) {
    const store = slot === 1 ? name : `${name}-${slot}`
    const claim = pidFile(home, `${store}-store`)
    if (mine.has(claim) || claimPidFile(claim) !== undefined) continue
    mine.add(claim)
    return { store, claim }
  }
  throw new Error(`${AT_ONCE} commands of one kind (${name}) run with ${home} already: wait until one of them has ended`)
}
