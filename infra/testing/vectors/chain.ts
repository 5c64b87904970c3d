// One lane from raw topic bytes: registry, readings, and a log of blocks and votes with every outcome, the state after each record, and
// the verdict on each block that became final.
import { turnOrder } from '../../../schemas/consensus/turns.js'
import { type Hash, sha256 } from '../../../schemas/hash.js'
import { judgeEntries } from '../../../schemas/judge.js'
import { type FinalBlock, type LaneRules, type LaneState, laneGenesis, verdictHash } from '../../../schemas/lane-fold.js'
import { inclusionProof, leafHash, merkleRoot, treeOf } from '../../../schemas/merkle.js'
import { type MeterState, NEW_METER } from '../../../schemas/meter-chain.js'
import { laneOf } from '../../../schemas/murmur2.js'
import { type Header, type Judgement, joinEntries, type NotCounted, splitEntries } from '../../../schemas/records.js'
import { signedMessage, TAGS } from '../../../schemas/tags.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { testKeyPair, testMeter } from '../registry.js'
import { hourOf, SignedMeter } from '../signed-meters.js'
import { foldValue, type LogLine } from './lane-log.js'
import { A, genesisOf, VectorRegistry } from './registry.js'
import { prefixed, sealedBlock, signedVote } from './sealed.js'

const LANES = 2
const LANE = 1
const names = Array.from({ length: 24 }, (_, index) => `meter-${index + 1}`)
const here = names.filter((name) => laneOf(name, LANES) === LANE)
const elsewhere = names.filter((name) => laneOf(name, LANES) !== LANE)
const nth = <T>(items: readonly T[], index: number): T => {
  const item = items[index]
  if (item === undefined) throw new Error(`no item ${index}`)
  return item
}

interface Made {
  readonly header: Header
  readonly hash: Hash
  readonly record: Buffer
  readonly parent: FinalBlock
  readonly notCounted: NotCounted[]
}

/** What stands in `chain.json`. */
class VectorChain {
  readonly registry = new VectorRegistry()
  readonly readings: { offset: bigint; value: Buffer | null; entries: Buffer[] }[] = []
  readonly log: LogLine[] = []
  readonly verdicts: object[] = []
  readonly #states = new Map<string, MeterState>()
  state: LaneState
  #offset = 0n

  constructor() {
    this.registry.add('the genesis', genesisOf(LANES), A)
    this.registry.enrol(
      'meters',
      names.slice(0, 8).map((name) => testMeter(name)),
    )
    this.state = laneGenesis(this.chainId, LANE)
  }

  get chainId(): Hash {
    return this.registry.state.chainId
  }

  get rules(): LaneRules {
    const authoritiesAt = (size: number) => this.registry.state.governanceAt(size)
    return { chainId: this.chainId, authoritiesAt, verify: sodiumSignatures.verify }
  }

  meter(name: string): SignedMeter {
    return new SignedMeter(name, this.chainId)
  }

  send(value: Buffer | null, offset = BigInt(this.readings.length === 0 ? 0 : Number(this.readings.at(-1)?.offset) + 1)): void {
    this.readings.push({ offset, value, entries: splitEntries(value) })
  }

  /** The child of the final block that an honest proposer seals, with `changes`. */
  block(changes: Partial<Header> = {}, sealer?: string): Made {
    const parent = this.state.final
    const { state } = this.registry
    const waiting = this.readings.filter(({ offset }) => offset > parent.lastOffset)
    const entries = waiting.flatMap((each) => each.entries)
    const height = parent.height + 1n
    const turn = { chainId: this.chainId, lane: LANE, height }
    const header: Header = {
      ...{ lane: LANE, height, previous: parent.hash, root: merkleRoot(entries.map(leafHash)), count: entries.length },
      ...{ sourceEpoch: parent.sourceEpoch, firstOffset: parent.lastOffset + 1n },
      lastOffset: waiting.at(-1)?.offset ?? parent.lastOffset,
      ...{ registrySize: state.size, registryRoot: state.root, sealedAt: 1_770_000_000_000 + Number(height), attempt: 0 },
      proposer: nth(turnOrder(state.governanceAt(parent.registrySize), turn), 0),
      ...changes,
    }
    const { hash, record } = sealedBlock(this.chainId, header, entries, sealer)
    return { header, hash, record, parent, notCounted: this.#judge(entries, header.registrySize).notCounted }
  }

  vote(made: Made, authority: string, judgement?: Judgement, changes: object = {}, signer = authority): Buffer {
    const { lane, height } = made.header
    const judged = judgement ?? this.accept(made)
    return signedVote(this.chainId, { lane, height, block: made.hash, authority, judgement: judged, ...changes }, signer)
  }

  accept({ parent, notCounted }: Made, other = notCounted): Judgement {
    return { kind: 'accept', verdictHash: verdictHash(parent.verdictHash, other), notCounted: other }
  }

  append(name: string, bytes: Buffer | null, made?: Made): void {
    const value = bytes === null ? null : prefixed(2, bytes)
    const { state, line } = foldValue(this.state, this.rules, { offset: this.#offset++, name, value })
    this.state = state
    this.log.push(line)
    if (line.outcome === 'final' && made !== undefined) this.#settle(made)
  }

  finalize(name: string, made = this.block(), voters: readonly string[] = A.slice(0, 3)): void {
    this.append(`${name}: block`, made.record)
    for (const who of voters) this.append(`${name}: ${who}`, this.vote(made, who), made)
  }

  #settle({ header, hash, notCounted, parent }: Made): void {
    const entries = this.readings
      .filter(({ offset }) => offset >= header.firstOffset && offset <= header.lastOffset)
      .flatMap((each) => each.entries)
    const { states } = this.#judge(entries, header.registrySize)
    for (const [meter, state] of states) this.#states.set(meter, state)
    const tree = treeOf(entries.map(leafHash))
    const proofs = entries.map((_, index) => inclusionProof(tree, index, entries.length))
    const meters = Object.fromEntries([...states].sort(([a], [b]) => (a < b ? -1 : 1)))
    this.verdicts.push({
      height: header.height,
      block: hash,
      notCounted,
      hash: verdictHash(parent.verdictHash, notCounted),
      meters,
      proofs,
    })
  }

  #judge(entries: readonly Buffer[], size: number) {
    const states = new Map<string, MeterState>()
    const notCounted = judgeEntries(entries, {
      lane: LANE,
      lanes: LANES,
      facts: (meter) => this.registry.state.meterAt(meter, size),
      meterState: (meter) => states.get(meter) ?? this.#states.get(meter) ?? NEW_METER,
      keep: (meter, state) => states.set(meter, state),
      verify: (signature, bytes, key) =>
        sodiumSignatures.verify(signature, signedMessage(TAGS.reading, this.chainId, bytes), key),
    })
    return { notCounted, states }
  }
}

const reject = (fault: number): Judgement => ({ kind: 'reject', fault, detail: 'as a test' })
const flipped = (entry: Buffer) => Buffer.concat([entry.subarray(0, -1), Buffer.from([nth([...entry], entry.length - 1) ^ 1])])

/** Readings with every entry fault. */
function sendFaults(chain: VectorChain): SignedMeter {
  const [one, two] = [chain.meter(nth(here, 0)), chain.meter(nth(here, 1))]
  const stranger = chain.meter(
    nth(
      names.filter((name) => laneOf(name, LANES) === LANE && Number(name.slice(6)) > 8),
      0,
    ),
  )
  const five = [one.next(), one.next(), one.next(), one.next(), one.next()]
  chain.send(prefixed(3, joinEntries([nth(five, 0), two.next(), chain.meter(nth(elsewhere, 0)).next()])))
  chain.send(Buffer.from('garbage without a prefix'))
  chain.send(null)
  chain.send(joinEntries([stranger.next(), flipped(nth(five, 1)), nth(five, 0), nth(five, 4), nth(five, 3), nth(five, 2)]))
  chain.send(
    prefixed(3, joinEntries([nth(five, 1), one.sign(hourOf(one.id, 3, sha256())), nth(five, 2), two.next({ sequence: -5 })])),
    6n,
  )
  chain.send(prefixed(3, Buffer.concat([joinEntries([two.next()]), Buffer.alloc(1)])))
  return one
}

function addSkips(chain: VectorChain): void {
  const good = chain.block()
  const base = chain.state.final
  const blocks: [string, Partial<Header>, string?][] = [
    ['of another lane', { lane: 0 }],
    ['of a height to come', { height: base.height + 2n }],
    ['of another parent', { previous: sha256() }],
    ['whose registry shrinks', { registrySize: base.registrySize - 1 }],
    ['that leaves an offset out', { firstOffset: base.lastOffset + 2n }],
    ['two source epochs on', { sourceEpoch: base.sourceEpoch + 2, firstOffset: 0n }],
    ['of a negative attempt', { attempt: -1 }],
    ['of a stranger', { proposer: 'outsider' }],
    ['sealed with another key', {}, 'outsider'],
    ['with another root', { root: sha256() }],
    ['with another count', { count: good.header.count + 1 }],
  ]
  for (const [name, changes, sealer] of blocks) chain.append(`a block ${name}`, chain.block(changes, sealer).record)
  chain.append('a vote before its block', chain.vote(good, 'authority-1'))
  chain.append('no record', Buffer.from('garbage'))
  chain.append('a null', null)
}

function addVotes(chain: VectorChain): void {
  const good = chain.block()
  chain.append('a block', good.record)
  chain.append('the same block', good.record)
  chain.append('a sibling', chain.block({ sealedAt: 5 }).record)
  chain.append('a reject', chain.vote(good, 'authority-1', reject(40)))
  chain.append('an accept by the same', chain.vote(good, 'authority-1'))
  chain.append('a reject after the accept', chain.vote(good, 'authority-1', reject(32)))
  chain.append('the accept again', chain.vote(good, 'authority-1'))
  chain.append('another verdict of the same', chain.vote(good, 'authority-1', chain.accept(good, [{ entry: 0, code: 1 }])))
  chain.append('a vote of another lane', chain.vote(good, 'authority-2', undefined, { lane: 0 }))
  chain.append('a vote of another height', chain.vote(good, 'authority-2', undefined, { height: 9n }))
  chain.append('a vote of a stranger', chain.vote(good, 'outsider'))
  chain.append('a vote signed with another key', chain.vote(good, 'authority-2', undefined, {}, 'outsider'))
  const wrong: Judgement = { kind: 'accept', verdictHash: sha256(), notCounted: [] }
  chain.append('a hash that is not of the verdict', chain.vote(good, 'authority-2', wrong))
  for (const [name, entry, code] of [
    ['beyond the block', good.header.count, 1],
    ['below 0', -1, 1],
    ['without a code', 0, 0],
  ] as const)
    chain.append(`a verdict ${name}`, chain.vote(good, 'authority-2', chain.accept(good, [{ entry, code }])))
  chain.append('a second accept', chain.vote(good, 'authority-2'))
  chain.append('the certificate', chain.vote(good, 'authority-3'), good)
  chain.append('a late vote', chain.vote(good, 'authority-4'))
  chain.append('a late block', good.record)
}

/** Attempt 0 fails with three proposers; attempt 1 opens. */
function addVoids(chain: VectorChain): void {
  const made = ['authority-1', 'authority-2', 'authority-3'].map((proposer) => chain.block({ proposer }))
  for (const each of made) {
    chain.append(`of ${each.header.proposer}`, each.record)
    chain.append('rejected', chain.vote(each, 'authority-3', reject(32)))
    chain.append('rejected by a second', chain.vote(each, 'authority-4', reject(32)))
  }
  chain.append('of attempt 2', chain.block({ proposer: 'authority-1', attempt: 2 }).record)
  const again = chain.block({ proposer: 'authority-4', attempt: 1 })
  chain.append('of attempt 1', again.record)
  for (const who of ['authority-1', 'authority-2'])
    chain.append(`the void one, accepted by ${who}`, chain.vote(nth(made, 0), who))
  chain.append('one changes its mind', chain.vote(nth(made, 0), 'authority-3'), nth(made, 0))
}

export function chainVectors() {
  const chain = madeChain()
  const { chainId, registry, readings, log, verdicts } = chain
  return { chainId, lanes: LANES, lane: LANE, registry: registry.records, readings, log, verdicts }
}

/** The same chain with its log in another order, `pick` by `pick` (places in the log; some twice, some never). What becomes final
 *  then are its first blocks. */
export function shuffledChainVectors(pick: readonly number[]) {
  const chain = madeChain()
  const { chainId, registry, readings, verdicts, rules } = chain
  let state = laneGenesis(chainId, LANE)
  const log = pick.map((place, index) => {
    const { name, value } = nth(chain.log, place % chain.log.length)
    const folded = foldValue(state, rules, { offset: BigInt(index), name, value })
    state = folded.state
    return folded.line
  })
  const finals = verdicts.slice(0, Number(state.final.height))
  return { chainId, lanes: LANES, lane: LANE, registry: registry.records, readings, log, verdicts: finals }
}

function madeChain(): VectorChain {
  const chain = new VectorChain()
  const one = sendFaults(chain)
  addSkips(chain)
  addVotes(chain)
  const two = nth(here, 1)
  chain.registry.add('a reset', { kind: 'ResetMeter', meter: two, sequence: 50, previous: sha256() }, [`meter:${two}`])
  chain.registry.add('a retirement', { kind: 'RetireMeter', meter: one.id, fromSequence: 7 }, ['authority-1'])
  const reset = chain.meter(two)
  chain.send(prefixed(3, joinEntries([one.next(), one.next(), reset.sign(hourOf(two, 50, sha256()))])))
  addVoids(chain)
  chain.registry.add(
    'another authority',
    { kind: 'AddAuthority', authority: { id: 'authority-5', key: testKeyPair('authority-5').publicKey, weight: 4 } },
    A,
  )
  chain.finalize('empty, for new governance')
  const five = [...A, 'authority-5']
  chain.registry.add('proof of stake', { kind: 'SetConsensus', consensus: 'pos' }, five)
  chain.finalize('by other weights', undefined, ['authority-5', 'authority-4', 'authority-1'])
  chain.registry.add('a source epoch', { kind: 'SetSourceEpoch', lane: LANE, epoch: 1 }, five)
  chain.finalize('a new source epoch', chain.block({ sourceEpoch: 1, firstOffset: 0n, lastOffset: -1n }), [
    'authority-5',
    'authority-4',
    'authority-1',
  ])
  return chain
}
