/** Where to take up a lane from the tail of its log, with nothing else in hand: the newest block there whose certificate is there
 *  too. Pure. A wrong anchor could do no harm to others (nobody votes for a block that does not extend the lane's final one), but
 *  whoever has it never finds into the lane: so it must be the very place at which the fold makes the block final. */

import type { LanePosition, LaneRecord } from '../infra/chain/lane-reader.js'
import { isQuorum, totalWeight } from '../schemas/consensus/turns.js'
import { type Hash, hashKey } from '../schemas/hash.js'
import { blockHash, type LaneRules, voteMessage } from '../schemas/lane-fold.js'
import { decodeChainRecord, type Header, type SignedVote } from '../schemas/records.js'

export interface Anchor extends LanePosition {
  /** Append time of the vote that completed the certificate, milliseconds. */
  readonly at: number
}

interface Seen {
  readonly header: Header
  readonly hash: Hash
  /** Authorities that accepted, by verdict hash. */
  readonly accepts: Map<string, Set<string>>
}

/** Takes consecutive records of a lane and finds the highest certificate among them. Only a block whose parent's header is there too
 *  can be an anchor, for it is the parent that names whose votes count; `registrySize` is how much of the registry is known here. */
export class AnchorFinder {
  /** The highest so far; of those at one height the first, as in the fold. */
  anchor: Anchor | undefined
  private readonly blocks = new Map<string, Seen>()

  constructor(
    private readonly rules: LaneRules,
    private readonly registrySize: number,
  ) {}

  take(record: LaneRecord): void {
    const decoded = decodeChainRecord(record.value)
    if (decoded?.kind === 'block') {
      const hash = blockHash(decoded.headerBytes)
      const { header } = decoded
      if (!this.blocks.has(hashKey(hash))) this.blocks.set(hashKey(hash), { header, hash, accepts: new Map() })
    } else if (decoded?.kind === 'vote') {
      this.count(decoded, record)
    }
  }

  /** A vote that comes after the certificate is no anchor: the next block may stand before it. */
  private count(signed: SignedVote, record: LaneRecord): void {
    const { judgement } = signed.vote
    const block = this.blocks.get(hashKey(signed.vote.block))
    const parent = block && this.blocks.get(hashKey(block.header.previous))
    if (judgement.kind === 'reject' || block === undefined || parent === undefined) return
    if (block.header.height <= (this.anchor?.final.height ?? 0n)) return
    if (block.header.registrySize > this.registrySize || !this.completes(block, parent, signed, judgement.verdictHash)) return
    const { height, registrySize, sourceEpoch, lastOffset } = block.header
    this.anchor = {
      final: { height, hash: block.hash, verdictHash: judgement.verdictHash, registrySize, sourceEpoch, lastOffset },
      nextOffset: record.offset + 1n,
      at: record.timestamp,
    }
  }

  private completes(block: Seen, parent: Seen, signed: SignedVote, verdict: Hash): boolean {
    const { rules } = this
    if (parent.header.registrySize > this.registrySize) return false
    const set = rules.authoritiesAt(parent.header.registrySize)
    const voter = set.authorities.find((each) => each.id === signed.vote.authority && each.weight > 0)
    if (voter === undefined || !rules.verify(signed.signature, voteMessage(rules.chainId, signed.voteBytes), voter.key))
      return false
    const key = hashKey(verdict)
    const voters = (block.accepts.get(key) ?? new Set<string>()).add(voter.id)
    block.accepts.set(key, voters)
    const weight = set.authorities.reduce((sum, each) => sum + (voters.has(each.id) ? each.weight : 0), 0)
    return isQuorum(weight, totalWeight(set))
  }
}
