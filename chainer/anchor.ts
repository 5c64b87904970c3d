/** Where to take up a lane from the tail of its log, with nothing else in hand: the newest block there whose certificate is there
 *  too. Pure. A wrong anchor could do no harm (nobody votes for a block that does not extend the lane's final one), only waste. */

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
  /** Accepts by verdict hash, then by authority. */
  readonly accepts: Map<string, Map<string, SignedVote>>
}

/** Finds the newest certificate in consecutive records of a lane. Only a block whose parent's header is there too can be an anchor,
 *  for it is the parent that names whose votes count; `registrySize` is how much of the registry is known here. */
export function findAnchor(records: Iterable<LaneRecord>, rules: LaneRules, registrySize: number): Anchor | undefined {
  const blocks = new Map<string, Seen>()
  let anchor: Anchor | undefined
  for (const record of records) {
    const decoded = decodeChainRecord(record.value)
    if (decoded?.kind === 'block') {
      const hash = blockHash(decoded.headerBytes)
      if (!blocks.has(hashKey(hash))) blocks.set(hashKey(hash), { header: decoded.header, hash, accepts: new Map() })
    } else if (decoded?.kind === 'vote') {
      anchor = count(decoded, record, blocks, rules, registrySize) ?? anchor
    }
  }
  return anchor
}

function count(
  signed: SignedVote,
  record: LaneRecord,
  blocks: ReadonlyMap<string, Seen>,
  rules: LaneRules,
  registrySize: number,
): Anchor | undefined {
  const { judgement, authority } = signed.vote
  const block = blocks.get(hashKey(signed.vote.block))
  const parent = block && blocks.get(hashKey(block.header.previous))
  if (judgement.kind === 'reject' || block === undefined || parent === undefined) return undefined
  if (parent.header.registrySize > registrySize || block.header.registrySize > registrySize) return undefined
  const set = rules.authoritiesAt(parent.header.registrySize)
  const voter = set.authorities.find((each) => each.id === authority && each.weight > 0)
  if (voter === undefined || !rules.verify(signed.signature, voteMessage(rules.chainId, signed.voteBytes), voter.key))
    return undefined
  const key = hashKey(judgement.verdictHash)
  const votes = (block.accepts.get(key) ?? new Map<string, SignedVote>()).set(authority, signed)
  block.accepts.set(key, votes)
  const weight = set.authorities.reduce((sum, each) => sum + (votes.has(each.id) ? each.weight : 0), 0)
  if (!isQuorum(weight, totalWeight(set))) return undefined
  const { height, registrySize: size, sourceEpoch, lastOffset } = block.header
  return {
    final: { height, hash: block.hash, verdictHash: judgement.verdictHash, registrySize: size, sourceEpoch, lastOffset },
    nextOffset: record.offset + 1n,
    at: record.timestamp,
  }
}
