/** Who seals a height, in which order, and how much weight decides. Pure, integers only; one interface for both kinds of consensus.
 *  Which set of authorities holds is the registry state named by the lane's newest final block (DESIGN: Consensus). */
import { type Hash, sha256 } from '../hash.js'
import type { ConsensusKind } from '../records.js'
import { TAGS } from '../tags.js'

export interface Weighted {
  readonly id: string
  readonly weight: number
}

export interface AuthoritySet<A extends Weighted = Weighted> {
  readonly consensus: ConsensusKind
  /** Sorted by id; one of weight 0 neither votes nor seals. */
  readonly authorities: readonly A[]
  /** Leaf hash of the last governance event: what the draw depends on besides lane and height. */
  readonly hash: Hash
}

export interface Turn {
  readonly chainId: Hash
  readonly lane: number
  readonly height: bigint
}

export const totalWeight = (set: AuthoritySet): number => set.authorities.reduce((sum, each) => sum + each.weight, 0)

/** More than two thirds of the weight. Exact: weights are integers below 10^12. */
export const isQuorum = (weight: number, total: number): boolean => 3 * weight > 2 * total

/** The ids of those who may seal, in the order of their turn at this height. */
export function turnOrder(set: AuthoritySet, turn: Turn): string[] {
  const members = set.authorities.filter((each) => each.weight > 0)
  return set.consensus === 'poa' ? roundRobin(members, turn) : drawByStake(members, set.hash, turn)
}

/** Proof of authority: in turn is (lane + height) mod n, the others follow. */
function roundRobin(members: readonly Weighted[], { lane, height }: Turn): string[] {
  if (members.length === 0) return []
  const first = Number((BigInt(lane) + height) % BigInt(members.length))
  return [...members.slice(first), ...members.slice(0, first)].map((each) => each.id)
}

/** Proof of stake: drawn without replacement, weighted. Each draw takes the first 16 bytes of a hash modulo the weight that is
 *  left: the bias is below 2^-88. Nothing that a proposer can choose goes in. */
function drawByStake(members: readonly Weighted[], governanceHash: Hash, turn: Turn): string[] {
  const left = [...members]
  const order: string[] = []
  let weight = left.reduce((sum, each) => sum + BigInt(each.weight), 0n)
  for (let draw = 0; left.length > 0; draw++) {
    let point = drawNumber(governanceHash, turn, draw) % weight
    const at = left.findIndex((each) => {
      point -= BigInt(each.weight)
      return point < 0n
    })
    for (const drawn of left.splice(at, 1)) {
      order.push(drawn.id)
      weight -= BigInt(drawn.weight)
    }
  }
  return order
}

function drawNumber(governanceHash: Hash, { chainId, lane, height }: Turn, draw: number): bigint {
  const place = Buffer.alloc(16)
  place.writeInt32BE(lane, 0)
  place.writeBigUInt64BE(height, 4)
  place.writeUInt32BE(draw, 12)
  return BigInt(`0x${sha256(TAGS.turn, chainId, place, governanceHash).subarray(0, 16).toString('hex')}`)
}
