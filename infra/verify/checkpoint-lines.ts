/** What proofs of checkpoints and of meters’ keys show, told to a person. */
import { hex } from '../../schemas/bytes.js'
import type { ProvedConsistency, ProvedInclusion, ProvedMeterKey } from '../../schemas/checkpoint/check-proofs.js'
import type { Covering, ProvedHead } from '../../schemas/checkpoint/signed-head.js'
import type { Hash } from '../../schemas/hash.js'

export const chainLine = ({ chainId, network }: { readonly chainId: Hash; readonly network: string }): string =>
  `chain      ${hex(chainId)} (${network})`

export const finalLine = ({ voters, weight }: Pick<ProvedMeterKey, 'voters' | 'weight'>): string =>
  `final by   ${voters.join(', ')}: ${weight.accepted} of ${weight.total} of the weight`

const headText = ({ size, root }: ProvedHead): string => `${size} final blocks, root ${hex(root)}`
const signersText = ({ signers, weight }: ProvedHead): string =>
  `${signers.join(', ')}: ${weight.signed} of ${weight.total} of the weight`

export const headLines = (head: ProvedHead): string[] => [`checkpoint ${headText(head)}`, `signed by  ${signersText(head)}`]

export const coveringLines = (covering: Covering): string[] => [
  `checkpoint ${headText(covering)}; the block is leaf ${covering.index}`,
  `signed by  ${signersText(covering)}`,
]

export const consistencyLines = (proved: ProvedConsistency): string[] => [
  chainLine(proved),
  `older      ${headText(proved.older)}`,
  `signed by  ${signersText(proved.older)}`,
  `newer      ${headText(proved.newer)}`,
  `signed by  ${signersText(proved.newer)}`,
  `so         the log of ${proved.newer.size} begins with that of ${proved.older.size}`,
]

export function inclusionLines(proved: ProvedInclusion): string[] {
  const { lane, height, block, verdict } = proved.leaf
  return [
    chainLine(proved),
    `block      lane ${lane}, height ${height}, ${hex(block)}`,
    `verdict    ${hex(verdict)}`,
    ...coveringLines(proved.checkpoint),
  ]
}

export function meterKeyLines(proved: ProvedMeterKey): string[] {
  const { meter, keys, registry, lane, height, blockHash, checkpoint } = proved
  return [
    chainLine(proved),
    `block      lane ${lane}, height ${height}, ${hex(blockHash)}`,
    finalLine(proved),
    ...(checkpoint === undefined ? [] : coveringLines(checkpoint)),
    `registry   ${registry.size} events, root ${hex(registry.root)}`,
    `meter      ${meter}`,
    ...keys.map(
      ({ key, fromSequence, since }) =>
        `key        ${hex(key)} from sequence ${fromSequence} on, registered by event ${since - 1}`,
    ),
  ]
}
