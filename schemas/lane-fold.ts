/** The fold of one lane: what a log of blocks and votes makes final. `apply(state, record) → state`, a pure function of the log;
 *  it never looks at a clock. Its rules are DESIGN's "Words" and "Consensus": children of the newest final block are candidates,
 *  the first certificate in the log (one verdict hash, more than 2/3 of the weight) makes one of them final and clears the others. */
import { equalBytes } from './bytes.js'
import { type AuthoritySet, isQuorum, totalWeight } from './consensus/turns.js'
import { entriesRoot } from './entry-hashes.js'
import { type Hash, hashKey, sha256, ZERO_HASH } from './hash.js'
import { LIMITS } from './limits.js'
import { type Block, type ChainRecord, encodeVerdict, type Header, type NotCounted, type SignedVote } from './records.js'
import { signedMessage, TAGS } from './tags.js'

export interface FinalBlock {
  readonly height: bigint
  readonly hash: Hash
  readonly verdictHash: Hash
  /** Registry size that it names: whose authorities decide on its children. */
  readonly registrySize: number
  readonly sourceEpoch: number
  /** Last offset of `readings` that it and those before it cover. */
  readonly lastOffset: bigint
}

export interface Ballot {
  readonly vote: SignedVote
  readonly weight: number
}

export interface Candidate {
  readonly header: Header
  readonly hash: Hash
  /** By authority id. */
  readonly ballots: ReadonlyMap<string, Ballot>
  /** No verdict can reach a certificate unless somebody changes a vote. Sticky. */
  readonly isVoid: boolean
}

export interface LaneState {
  readonly lane: number
  readonly final: FinalBlock
  /** In the order of the log. */
  readonly candidates: readonly Candidate[]
}

export interface LaneAuthority {
  readonly id: string
  readonly key: Buffer
  readonly weight: number
}

/** What the fold needs beside the log. `authoritiesAt` is asked only for sizes that a final block names. */
export interface LaneRules {
  readonly chainId: Hash
  authoritiesAt(registrySize: number): AuthoritySet<LaneAuthority>
  verify(signature: Buffer, message: Buffer, key: Buffer): boolean
}

export type SkipReason =
  | 'other-lane'
  | 'not-next'
  | 'other-parent'
  | 'known'
  | 'unknown-proposer'
  | 'bad-seal'
  | 'bad-root'
  | 'registry-shrinks'
  | 'offsets-do-not-follow'
  | 'too-many-candidates'
  | 'no-such-candidate'
  | 'unknown-voter'
  | 'bad-vote-signature'
  | 'bad-verdict'
  | 'vote-repeated'

/** Reasons that honest writers cause too, by racing, by retries, by restores. The others name a damaged or a false record. */
const ORDINARY: ReadonlySet<SkipReason> = new Set(['not-next', 'other-parent', 'known', 'no-such-candidate', 'vote-repeated'])
export const isOrdinarySkip = (reason: SkipReason): boolean => ORDINARY.has(reason)

export type Outcome =
  | { kind: 'candidate'; candidate: Candidate }
  | { kind: 'counted'; candidate: Candidate }
  | { kind: 'void'; candidate: Candidate }
  | { kind: 'final'; candidate: Candidate; verdictHash: Hash; notCounted: NotCounted[]; certificate: SignedVote[] }
  /** An authority accepted one block with two verdicts: the second does not count and is evidence. */
  | { kind: 'contradiction'; candidate: Candidate; first: SignedVote; second: SignedVote }
  | { kind: 'skipped'; reason: SkipReason }

export interface Applied {
  readonly state: LaneState
  readonly outcome: Outcome
}

/** The hash that a lane's first block links to. */
export function laneGenesisHash(chainId: Hash, lane: number): Hash {
  const number = Buffer.alloc(4)
  number.writeInt32BE(lane)
  return sha256(TAGS.lane, chainId, number)
}

/** The state of a lane before its first block; the registry holds the genesis event alone. */
export function laneGenesis(chainId: Hash, lane: number): LaneState {
  return {
    lane,
    final: {
      height: 0n,
      hash: laneGenesisHash(chainId, lane),
      verdictHash: ZERO_HASH,
      registrySize: 1,
      sourceEpoch: 0,
      lastOffset: -1n,
    },
    candidates: [],
  }
}

export const blockHash = (headerBytes: Buffer): Hash => sha256(TAGS.blockHash, headerBytes)
export const sealMessage = (chainId: Hash, headerBytes: Buffer): Buffer => signedMessage(TAGS.blockSeal, chainId, headerBytes)
export const voteMessage = (chainId: Hash, voteBytes: Buffer): Buffer => signedMessage(TAGS.vote, chainId, voteBytes)
/** What validators agree on: their verdict on this block and, through the parent's, on all before. */
export const verdictHash = (parent: Hash, notCounted: NotCounted[]): Hash =>
  sha256(TAGS.verdict, parent, encodeVerdict(notCounted))

/** Takes one record of the lane's log. What fits nowhere is skipped by everybody alike. */
export function apply(state: LaneState, record: ChainRecord, rules: LaneRules): Applied {
  return record.kind === 'block' ? applyBlock(state, record, rules) : applyVote(state, record, rules)
}

const skip = (state: LaneState, reason: SkipReason): Applied => ({ state, outcome: { kind: 'skipped', reason } })

function applyBlock(state: LaneState, block: Block, rules: LaneRules): Applied {
  const hash = blockHash(block.headerBytes)
  const reason = whyNoCandidate(state, block, hash, rules)
  if (reason !== undefined) return skip(state, reason)
  const candidate: Candidate = { header: block.header, hash, ballots: new Map(), isVoid: false }
  return { state: { ...state, candidates: [...state.candidates, candidate] }, outcome: { kind: 'candidate', candidate } }
}

/** Cheap grounds first: a stranger's garbage costs a comparison, not a signature check. */
function whyNoCandidate(state: LaneState, block: Block, hash: Hash, rules: LaneRules): SkipReason | undefined {
  const { header } = block
  const { final } = state
  if (header.lane !== state.lane) return 'other-lane'
  if (header.height !== final.height + 1n) return 'not-next'
  if (!equalBytes(header.previous, final.hash)) return 'other-parent'
  if (state.candidates.some((each) => equalBytes(each.hash, hash))) return 'known'
  if (!hasRoom(state, header.proposer, rules)) return 'too-many-candidates'
  if (header.registrySize < final.registrySize) return 'registry-shrinks'
  if (!offsetsFollow(header, final)) return 'offsets-do-not-follow'
  const proposer = rules
    .authoritiesAt(final.registrySize)
    .authorities.find((each) => each.id === header.proposer && each.weight > 0)
  if (proposer === undefined) return 'unknown-proposer'
  if (!rules.verify(block.seal, sealMessage(rules.chainId, block.headerBytes), proposer.key)) return 'bad-seal'
  if (header.count !== block.entries.length || !equalBytes(entriesRoot(block.entries), header.root)) return 'bad-root'
  return undefined
}

/** Each authority has an equal share of the candidates that readers keep: none can leave the others without room, which would stop
 *  the lane for good. */
function hasRoom({ candidates, final }: LaneState, proposer: string, rules: LaneRules): boolean {
  if (candidates.length === 0) return true
  const members = rules.authoritiesAt(final.registrySize).authorities.filter((each) => each.weight > 0)
  const share = Math.floor(LIMITS.candidates / members.length)
  return candidates.filter(({ header }) => header.proposer === proposer).length < share
}

/** A block goes on after its parent's last offset, or begins a new source epoch at 0. Whether the registry says so is for votes. */
function offsetsFollow(header: Header, final: FinalBlock): boolean {
  const epochs = header.sourceEpoch - final.sourceEpoch
  const first = epochs === 0 ? final.lastOffset + 1n : 0n
  return (epochs === 0 || epochs === 1) && header.attempt >= 0 && header.firstOffset === first && header.lastOffset >= first - 1n
}

function applyVote(state: LaneState, signed: SignedVote, rules: LaneRules): Applied {
  const { vote } = signed
  if (vote.lane !== state.lane) return skip(state, 'other-lane')
  const at = state.candidates.findIndex((each) => vote.height === each.header.height && equalBytes(each.hash, vote.block))
  const candidate = state.candidates[at]
  if (candidate === undefined) return skip(state, 'no-such-candidate')
  const set = rules.authoritiesAt(state.final.registrySize)
  const voter = set.authorities.find((each) => each.id === vote.authority && each.weight > 0)
  if (voter === undefined) return skip(state, 'unknown-voter')
  const before = candidate.ballots.get(vote.authority)?.vote
  if (before !== undefined && equalBytes(before.voteBytes, signed.voteBytes)) return skip(state, 'vote-repeated')
  if (!rules.verify(signed.signature, voteMessage(rules.chainId, signed.voteBytes), voter.key))
    return skip(state, 'bad-vote-signature')
  if (!verdictHolds(state.final, candidate, signed)) return skip(state, 'bad-verdict')
  if (before?.vote.judgement.kind === 'accept') return applySecondVote(state, candidate, before, signed)
  const ballots = new Map(candidate.ballots).set(vote.authority, { vote: signed, weight: voter.weight })
  return decide(state, at, { ...candidate, ballots }, totalWeight(set))
}

/** An accept names entries of the block in rising order, each with a code, and the hash of just that. */
function verdictHolds(final: FinalBlock, candidate: Candidate, { vote }: SignedVote): boolean {
  if (vote.judgement.kind === 'reject') return true
  let last = -1
  for (const { entry, code } of vote.judgement.notCounted) {
    if (entry <= last || entry >= candidate.header.count || code < 1) return false
    last = entry
  }
  return equalBytes(vote.judgement.verdictHash, verdictHash(final.verdictHash, vote.judgement.notCounted))
}

/** An accept is for good: a later reject changes nothing, a later accept (of other bytes, so of another verdict) contradicts it. */
function applySecondVote(state: LaneState, candidate: Candidate, first: SignedVote, second: SignedVote): Applied {
  if (second.vote.judgement.kind === 'reject') return skip(state, 'vote-repeated')
  return { state, outcome: { kind: 'contradiction', candidate, first, second } }
}

interface Tally {
  readonly weight: number
  readonly votes: SignedVote[]
}

/** The accepts of one verdict that weigh most; of equals, the first in the order of the log. */
function bestVerdict(candidate: Candidate): Tally {
  const tallies = new Map<string, Tally>()
  for (const { vote, weight } of candidate.ballots.values()) {
    const { judgement } = vote.vote
    if (judgement.kind === 'reject') continue
    const key = hashKey(judgement.verdictHash)
    const tally = tallies.get(key) ?? { weight: 0, votes: [] }
    tallies.set(key, { weight: tally.weight + weight, votes: [...tally.votes, vote] })
  }
  return [...tallies.values()].reduce((best, each) => (each.weight > best.weight ? each : best), { weight: 0, votes: [] })
}

function decide(state: LaneState, at: number, candidate: Candidate, total: number): Applied {
  const best = bestVerdict(candidate)
  if (isQuorum(best.weight, total)) return makeFinal(state, candidate, best.votes)
  const voted = [...candidate.ballots.values()].reduce((sum, each) => sum + each.weight, 0)
  const turnsVoid = !candidate.isVoid && !isQuorum(best.weight + total - voted, total)
  const next = turnsVoid ? { ...candidate, isVoid: true } : candidate
  return {
    state: { ...state, candidates: state.candidates.with(at, next) },
    outcome: { kind: turnsVoid ? 'void' : 'counted', candidate: next },
  }
}

function makeFinal(state: LaneState, candidate: Candidate, certificate: SignedVote[]): Applied {
  const judgement = certificate[0]?.vote.judgement
  if (judgement?.kind !== 'accept') throw new TypeError('a certificate is made of accepts')
  const { header, hash } = candidate
  const final: FinalBlock = {
    height: header.height,
    hash,
    verdictHash: judgement.verdictHash,
    registrySize: header.registrySize,
    sourceEpoch: header.sourceEpoch,
    lastOffset: header.lastOffset,
  }
  return {
    state: { lane: state.lane, final, candidates: [] },
    outcome: { kind: 'final', candidate, verdictHash: judgement.verdictHash, notCounted: judgement.notCounted, certificate },
  }
}
