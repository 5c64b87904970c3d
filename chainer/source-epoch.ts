import type { FinalBlock } from '../schemas/lane-fold.js'
import { sourceEpochOf } from '../schemas/registry/governance-rules.js'
import type { RegistryState } from '../schemas/registry/state.js'

/** The registry state that a lane's next block names, and its source epoch: the newest, as long as that epoch is at most one ahead of
 *  the final block's. Where more began since, none of which a block has taken up, the fold would take no block of the newest: an empty
 *  one for each passes over them, under the last registry state of its epoch. */
export function nextEpoch(
  registry: Pick<RegistryState, 'size' | 'governanceAt'>,
  final: FinalBlock,
  lane: number,
): { registrySize: number; sourceEpoch: number } {
  let registrySize = registry.size
  let governance = registry.governanceAt(registrySize)
  while (sourceEpochOf(governance, lane) > final.sourceEpoch + 1) {
    registrySize = governance.since - 1
    governance = registry.governanceAt(registrySize)
  }
  return { registrySize, sourceEpoch: sourceEpochOf(governance, lane) }
}
