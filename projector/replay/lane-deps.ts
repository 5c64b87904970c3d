/** What a replay does with the blocks of its lanes, in whichever thread. */
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import type { LaneDeps } from '../fill-lanes.js'
import type { Batch } from '../write-block.js'
import { checkSignatures } from './check-signatures.js'
import { isWithin, type Within } from './within.js'

/** A batch that is in the tables. Plain data. */
export interface Written {
  readonly messages: number
  readonly intervals: number
  readonly blocks: readonly { readonly lane: number; readonly height: bigint; readonly nextOffset: bigint }[]
}

/** Plain data. */
export interface Wanted {
  /** Whether the signature of each entry is checked. */
  readonly checksSignatures: boolean
  /** Default: all blocks. */
  readonly within?: Within
}

export function laneDeps(
  given: Pick<LaneDeps, 'source' | 'database' | 'onFatal'>,
  registry: RegistryState,
  { checksSignatures, within }: Wanted,
  onWritten: (written: Written) => void,
): LaneDeps {
  return {
    ...given,
    ...(checksSignatures && { onFinal: (block) => checkSignatures(block, registry, sodiumSignatures) }),
    ...(within !== undefined && { isWanted: (block) => isWithin(block, within) }),
    onWritten: (batch) => onWritten(writtenOf(batch)),
  }
}

const writtenOf = ({ messages, intervals, blocks }: Batch): Written => ({
  ...{ messages, intervals },
  blocks: blocks.map(({ lane, header, nextOffset }) => ({ lane, height: header.height, nextOffset })),
})
