/** Keys of authorities that have left: their stages are not started. Who never was one may join, and waits for it; who leaves votes
 *  until every lane has a final block of the state without it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { recoverLanes } from '../../chainer/recover.js'
import type { AuthoritySet } from '../../schemas/consensus/turns.js'
import type { Runtime } from '../stage-runtime.js'
import { systemErrorCode } from '../supervisor/system-error.js'

/** `history`: each state of governance so far; `inForce`: those by which something is decided still. */
export function whoLeft(ids: readonly string[], history: readonly AuthoritySet[], inForce: readonly AuthoritySet[]): string[] {
  const isIn = (sets: readonly AuthoritySet[], id: string) =>
    sets.some(({ authorities }) => authorities.some((each) => each.id === id))
  return ids.filter((id) => isIn(history, id) && !isIn(inForce, id))
}

/** Of these authorities, those that the registry names no more, nor the newest final block of any lane. */
export async function findLeft(ids: readonly string[], runtime: Runtime): Promise<string[]> {
  const { state } = runtime.registry
  const history = state.store.governance()
  const now = state.governanceAt(state.size)
  const gone = whoLeft(ids, history, [now])
  if (gone.length === 0) return []
  const lanes = Array.from({ length: state.lanes }, (_, lane) => lane)
  const positions = await recoverLanes(lanes, { ...runtime, verify: runtime.signatures.verify })
  const named = lanes.map((lane) => state.governanceAt(positions.get(lane)?.final.registrySize ?? 1))
  return whoLeft(gone, history, [now, ...named])
}

const pathOf = (home: string): string => join(home, 'run', 'left-out.json')

/** For as long as the stages run: whoever asks for their names need not ask the registry. */
export function writeLeftOut(home: string, ids: readonly string[]): void {
  mkdirSync(join(home, 'run'), { recursive: true })
  writeFileSync(pathOf(home), `${JSON.stringify(ids)}\n`)
}

/** Nobody, where no stages were started yet. */
export function readLeftOut(home: string): string[] {
  let text: string
  try {
    text = readFileSync(pathOf(home), 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return []
    throw error
  }
  return z.array(z.string()).parse(JSON.parse(text))
}
