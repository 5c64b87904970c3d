// Topic `checkpoints` of a chain of two lanes: checkpoints right, wrong by each rule, and wrong but final all the same, and signatures of
// its heads that hold and that do not.
import { checkpointLane } from '../../../schemas/checkpoint/log.js'
import { checkpointMessage, type TreeHead } from '../../../schemas/checkpoint/note.js'
import { turnOrder } from '../../../schemas/consensus/turns.js'
import { sha256 } from '../../../schemas/hash.js'
import { blockHash, laneGenesis, verdictHash } from '../../../schemas/lane-fold.js'
import { consistencyProof, inclusionProof, leafHash, merkleRoot } from '../../../schemas/merkle.js'
import {
  type CheckpointLeaf,
  encodeCheckpointLeaf,
  encodeCosignature,
  type Header,
  type Judgement,
  type NotCounted,
} from '../../../schemas/records.js'
import { sign } from '../../crypto/sodium.js'
import { testKeyPair } from '../registry.js'
import { CheckpointVectorLog, finalsOf, type LaneLog } from './checkpoint-log.js'
import { A, genesisOf, VectorRegistry } from './registry.js'
import { prefixed, sealedBlock, signedVote } from './sealed.js'

const LANES = 2
const LANE = checkpointLane(LANES)
const WITNESS = { name: 'witness.example/one', publicKey: testKeyPair('spare').publicKey }
const SEALED_AT = 1_770_000_000_000
const THREE = A.slice(0, 3)
const LATER = A.slice(1)

function founded(): VectorRegistry {
  const registry = new VectorRegistry()
  registry.add('the genesis', genesisOf(LANES), A)
  return registry
}

/** A lane of empty blocks, which need no readings; the last one has no certificate. */
function laneLog(registry: VectorRegistry, lane: number, count: number): LaneLog {
  const { chainId, size: registrySize, root: registryRoot } = registry.state
  let { final } = laneGenesis(chainId, lane)
  const values = Array.from({ length: count + 1 }, (_, index): Buffer[] => {
    const height = final.height + 1n
    const [proposer = ''] = turnOrder(registry.state.governanceAt(1), { chainId, lane, height })
    const { hash, record } = sealedBlock(
      chainId,
      header({ lane, height, previous: final.hash, proposer, registrySize, registryRoot }),
      [],
    )
    const judgement: Judgement = { kind: 'accept', verdictHash: verdictHash(final.verdictHash, []), notCounted: [] }
    final = { ...final, height, hash, verdictHash: judgement.verdictHash }
    const voters = index === count ? [] : THREE
    const votes = voters.map((authority) => signedVote(chainId, { lane, height, block: hash, authority, judgement }))
    return [record, ...votes].map((bytes) => prefixed(2, bytes))
  }).flat()
  return { lane, values, finals: finalsOf(registry.state, lane, values) }
}

function header(of: Pick<Header, 'lane' | 'height' | 'previous' | 'proposer' | 'registrySize' | 'registryRoot'>): Header {
  const sealedAt = SEALED_AT + 1000 * of.lane + Number(of.height)
  return { ...of, root: merkleRoot([]), count: 0, sourceEpoch: 0, firstOffset: 0n, lastOffset: -1n, sealedAt, attempt: 0 }
}

interface Made {
  readonly header: Header
  readonly hash: Buffer
  readonly record: Buffer
}

/** Seals, votes and signs; what comes of it says the log. */
class VectorCheckpoints {
  readonly registry = founded()
  readonly out = new CheckpointVectorLog(
    this.registry.state,
    [laneLog(this.registry, 0, 6), laneLog(this.registry, 1, 5)],
    [WITNESS],
  )
  /** Names of the keys of authorities that have another than their own. */
  readonly keys = new Map<string, string>()

  get chainId() {
    return this.registry.state.chainId
  }

  get head(): TreeHead {
    return this.out.log.head
  }

  leaf(lane: number, height: number, changes: Partial<CheckpointLeaf> = {}): Buffer {
    const known = this.out.lanes[lane]?.finals[height - 1] ?? { block: sha256(), verdict: sha256() }
    const { block, verdict } = known
    return encodeCheckpointLeaf({ lane, height: BigInt(height), block, verdict, ...changes })
  }

  block(entries: readonly Buffer[], changes: Partial<Header> = {}, sealer?: string): Made {
    const { chainId } = this
    const { final } = this.out.state
    const { state } = this.registry
    const height = final.height + 1n
    const [proposer = ''] = turnOrder(state.governanceAt(final.registrySize), { chainId, lane: LANE, height })
    const made: Header = {
      ...header({ lane: LANE, height, previous: final.hash, proposer, registrySize: state.size, registryRoot: state.root }),
      ...{ root: merkleRoot(entries.map(leafHash)), count: entries.length, firstOffset: final.lastOffset + 1n },
      lastOffset: final.lastOffset + BigInt(entries.length),
      ...changes,
    }
    const { headerBytes, record } = sealedBlock(chainId, made, entries, sealer ?? this.keys.get(made.proposer) ?? made.proposer)
    return { header: made, hash: blockHash(headerBytes), record }
  }

  append(name: string, bytes: Buffer | null, prefix = 2): void {
    this.out.append(name, bytes === null || prefix === 0 ? bytes : prefixed(prefix, bytes))
  }

  vote(
    { header, hash }: Made,
    authority: string,
    judgement = this.accept([]),
    signer = this.keys.get(authority) ?? authority,
  ): Buffer {
    return signedVote(this.chainId, { lane: LANE, height: header.height, block: hash, authority, judgement }, signer)
  }

  accept(notCounted: NotCounted[]): Judgement {
    return { kind: 'accept', verdictHash: verdictHash(this.out.state.final.verdictHash, notCounted), notCounted }
  }

  finalize(name: string, made: Made, voters: readonly string[], notCounted: NotCounted[] = []): void {
    const judgement = this.accept(notCounted)
    this.append(`${name}: block`, made.record)
    for (const who of voters) this.append(`${name}: ${who}`, this.vote(made, who, judgement))
  }

  signature(
    authority: string,
    head: TreeHead,
    key = this.keys.get(authority) ?? authority,
    timestamp = 0,
    signedAt = timestamp,
  ): Buffer {
    const signature = sign(checkpointMessage(this.chainId, head, signedAt), testKeyPair(key).secretKey)
    return encodeCosignature({ ...head, authority, timestamp, signature })
  }

  sign(name: string, ...what: Parameters<VectorCheckpoints['signature']>): void {
    this.append(name, this.signature(...what), 4)
  }
}

function addStrays(made: VectorCheckpoints): void {
  const leaves = [made.leaf(0, 1)]
  const { registrySize } = made.out.state.final
  made.append('no record', Buffer.from('garbage'))
  made.append('a null', null)
  made.append('a leaf by itself', made.leaf(0, 1))
  made.append('a signature that is cut off', made.signature('authority-1', made.head).subarray(0, -1))
  made.append('a block of a lane of readings', made.out.lanes[0]?.values[0] ?? null, 0)
  made.append('a block of a height to come', made.block(leaves, { height: 2n }).record)
  made.append('a block of another parent', made.block(leaves, { previous: sha256() }).record)
  made.append('a block whose registry shrinks', made.block(leaves, { registrySize: registrySize - 1 }).record)
  made.append('a block that leaves a place out', made.block(leaves, { firstOffset: 1n, lastOffset: 1n }).record)
  made.append('a block of a stranger', made.block(leaves, { proposer: 'outsider' }).record)
  made.append('a block sealed with another key', made.block(leaves, {}, 'outsider').record)
  made.append('a block of another root', made.block(leaves, { root: sha256() }).record)
  made.append('a vote before its block', made.vote(made.block(leaves), 'authority-1'))
}

/** Each breaks one rule of SPEC, 14.3. */
function addWrong(made: VectorCheckpoints): void {
  const one = made.leaf(0, 1)
  const wrong: [string, Buffer[], Partial<Header>?][] = [
    ['without leaves', []],
    ['of another source epoch', [one], { sourceEpoch: 1 }],
    ['of more places than leaves', [one], { lastOffset: 1n }],
    ['of fewer places than leaves', [one, made.leaf(0, 2)], { lastOffset: 0n }],
    ['of garbage', [Buffer.from('x')]],
    ['with a leaf of another version', [Buffer.concat([Buffer.from([0x30]), one.subarray(1)])]],
    ['with a byte after a leaf', [Buffer.concat([one, Buffer.alloc(1)])]],
    ['with a prefix before a leaf', [prefixed(5, one)]],
    ['of its own lane', [made.leaf(LANE, 1)]],
    ['of a negative lane', [made.leaf(-1, 1)]],
    ['of lanes in another order', [made.leaf(1, 1), one]],
    ['that does not begin at height 1', [made.leaf(0, 2)]],
    ['that leaves a height out', [one, made.leaf(0, 3)]],
    ['with a leaf twice', [one, one]],
    ['of height 0', [made.leaf(0, 0), one]],
    ['with another block', [made.leaf(0, 1, { block: sha256() })]],
    ['with another verdict', [made.leaf(0, 1, { verdict: sha256() })]],
    ['with a block that is not final', [1, 2, 3, 4, 5, 6].map((height) => made.leaf(1, height))],
    ['of another registry root', [one], { registryRoot: sha256() }],
    ['of a registry that is not there', [one], { registrySize: 99 }],
  ]
  for (const [name, entries, changes] of wrong) made.append(`a checkpoint ${name}`, made.block(entries, changes).record)
}

const reject = (fault: number): Judgement => ({ kind: 'reject', fault, detail: 'as a test' })

function addFirst(made: VectorCheckpoints): void {
  const wrong = made.block([made.leaf(0, 1), made.leaf(0, 3)])
  const good = made.block([made.leaf(0, 1), made.leaf(0, 2), made.leaf(1, 1)])
  const head = { size: 3, root: merkleRoot([made.leaf(0, 1), made.leaf(0, 2), made.leaf(1, 1)].map(leafHash)) }
  made.append('rejected', made.vote(wrong, 'authority-1', reject(32)))
  made.append('rejected by a second', made.vote(wrong, 'authority-2', reject(32)))
  made.append('a right checkpoint', good.record)
  made.append('the same again', good.record)
  made.append('not seen yet', made.vote(good, 'authority-1', reject(40)))
  made.append('an accept by the same', made.vote(good, 'authority-1'))
  made.append('the accept again', made.vote(good, 'authority-1'))
  made.append('another verdict of the same', made.vote(good, 'authority-1', made.accept([{ entry: 0, code: 1 }])))
  made.append('a vote of a stranger', made.vote(good, 'outsider'))
  made.append('a vote signed with another key', made.vote(good, 'authority-2', undefined, 'outsider'))
  made.append('a verdict beyond the leaves', made.vote(good, 'authority-2', made.accept([{ entry: 3, code: 1 }])))
  made.append('a second accept', made.vote(good, 'authority-2'))
  made.sign('a signature before its head', 'authority-4', head)
  made.append('the certificate', made.vote(good, 'authority-3'))
  made.append('a late vote', made.vote(good, 'authority-4'))
}

function addSignatures(made: VectorCheckpoints): void {
  const { head } = made
  const T = 1_770_000_123
  made.sign('authority-1 signs the head', 'authority-1', head)
  made.sign('authority-1 again', 'authority-1', head)
  made.append('authority-2, without a prefix', made.signature('authority-2', head), 0)
  made.sign('authority-3 with another key', 'authority-3', head, 'outsider')
  made.sign('nobody of that name', 'outsider', head)
  made.sign('authority-3 as a witness would', 'authority-3', head, 'authority-3', 0, T)
  made.sign('another root', 'authority-3', { ...head, root: sha256() })
  made.sign('another size', 'authority-3', { ...head, size: head.size - 1 })
  made.sign('a head before the first', 'authority-3', { size: 0, root: merkleRoot([]) })
  made.sign('the witness', WITNESS.name, head, 'spare', T)
  made.sign('the witness, at another time', WITNESS.name, head, 'spare', T + 600)
  made.sign('the witness, a time that is not what it signed', WITNESS.name, head, 'spare', T, T + 1)
  made.sign('the witness, as an authority would', WITNESS.name, head, 'spare', T, 0)
  made.sign('the witness, of another log', WITNESS.name, { ...head, root: sha256() }, 'spare', T)
  made.sign('a witness that nobody knows', 'witness.example/two', head, 'outsider', T)
  made.sign('an authority under its own name as a witness', 'authority-1', head, 'authority-1', T)
  made.sign('authority-4: more than 2/3', 'authority-4', head)
}

/** Authority 2 gets another key, authority 4 more weight, authority 1 none: from after the next checkpoint on. */
function addGovernance(made: VectorCheckpoints): void {
  const before = made.head
  const rotated = { kind: 'RotateAuthorityKey', authority: 'authority-2', key: testKeyPair('outsider').publicKey } as const
  made.registry.add('a new key', rotated, A)
  const signers = ['authority-1', 'authority-3', 'authority-4']
  made.registry.add('more weight', { kind: 'SetStake', authority: 'authority-4', weight: 5 }, signers)
  made.registry.add('no weight', { kind: 'SetStake', authority: 'authority-1', weight: 0 }, signers)
  made.registry.add('proof of stake', { kind: 'SetConsensus', consensus: 'pos' }, ['authority-3', 'authority-4'])
  made.finalize('under new governance', made.block([made.leaf(0, 3), made.leaf(1, 2)]), THREE)
  made.keys.set('authority-2', 'outsider')
  made.sign('the old key on a head of the old governance', 'authority-2', before, 'authority-2')
  made.sign('the new key on a head of the old governance', 'authority-2', before)
  made.sign('the old key on a head of the new', 'authority-2', made.head, 'authority-2')
  made.sign('the new key on a head of the new', 'authority-2', made.head)
  made.sign('the old key on no head', 'authority-2', { ...before, root: sha256() }, 'authority-2')
  made.sign('the new key on no head', 'authority-2', { ...before, root: sha256() })
  for (const who of ['authority-1', 'authority-3']) made.sign(`three of four, of 2/7 of the weight: ${who}`, who, made.head)
}

/** What a certificate made final binds (SPEC, 14.4), and what comes after goes on from it. */
function addFinalAllTheSame(made: VectorCheckpoints): void {
  const entries = [
    Buffer.from('no leaf'),
    made.leaf(1, 3, { block: sha256() }),
    made.leaf(0, 5),
    made.leaf(LANE, 1),
    made.leaf(0, 4),
    made.leaf(0, 4, { verdict: sha256() }),
  ]
  const { lastOffset } = made.out.state.final
  made.finalize('wrong leaves', made.block(entries, { lastOffset: lastOffset + 9n }), LATER)
  made.sign('its head', 'authority-4', made.head)
  made.finalize('right again', made.block([made.leaf(0, 5), made.leaf(1, 4)]), LATER)
  made.finalize('a verdict that leaves a leaf out', made.block([made.leaf(0, 6)]), LATER, [{ entry: 0, code: 1 }])
  made.finalize('right after it', made.block([made.leaf(1, 5)]), LATER)
  for (const who of ['authority-4', 'authority-3']) made.sign(`the newest head: ${who}`, who, made.head)
}

function madeCheckpoints(): VectorCheckpoints {
  const made = new VectorCheckpoints()
  addStrays(made)
  addWrong(made)
  addFirst(made)
  addSignatures(made)
  addGovernance(made)
  addFinalAllTheSame(made)
  return made
}

export function checkpointVectors() {
  const { registry, out } = madeCheckpoints()
  return shown(registry, out)
}

/** The same with the log in another order, `pick` by `pick` (places in the log; some twice, some never). */
export function shuffledCheckpointVectors(pick: readonly number[]) {
  const { registry, out } = madeCheckpoints()
  const shuffled = new CheckpointVectorLog(registry.state, out.lanes, [WITNESS])
  for (const place of pick) {
    const { name, value } = out.lines[place % out.lines.length] ?? { name: 'nothing', value: null }
    shuffled.append(name, value)
  }
  return shown(registry, shuffled)
}

function shown({ state, records }: VectorRegistry, out: CheckpointVectorLog) {
  const { nodes, log, lanes, witnesses, lines } = out
  const sizes = Array.from({ length: log.size }, (_, index) => index + 1)
  return {
    ...{ chainId: state.chainId, lanes: LANES, lane: LANE, registry: records, chain: lanes, witnesses },
    ...{ keyHashes: out.keyHashes(), log: lines, heads: out.heads() },
    inclusion: sizes.map((size) => ({ index: size - 1, size: log.size, proof: inclusionProof(nodes, size - 1, log.size) })),
    consistency: sizes.map((size) => ({ oldSize: size, newSize: log.size, proof: consistencyProof(nodes, size, log.size) })),
  }
}
