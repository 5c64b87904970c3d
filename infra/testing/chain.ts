// A whole chain in memory, without Kafka: genesis, meters, signed readings, blocks and votes as raw records, with room for whatever a
// test wants to be wrong. The same plan gives the same bytes.
import { equalBytes } from '../../schemas/bytes.js'
import { turnOrder } from '../../schemas/consensus/turns.js'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { judgeEntries } from '../../schemas/judge.js'
import { blockHash, type FinalBlock, laneGenesis, sealMessage, verdictHash, voteMessage } from '../../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import { type MeterState, NEW_METER } from '../../schemas/meter-chain.js'
import { laneOf } from '../../schemas/murmur2.js'
import {
  type EnrolledMeter,
  type EventContent,
  encodeBlock,
  encodeHeader,
  encodeRegistryEvent,
  encodeSignedVote,
  encodeVote,
  type Header,
  type Judgement,
  joinEntries,
  type NotCounted,
  splitEntries,
} from '../../schemas/records.js'
import { sourceEpochOf } from '../../schemas/registry/governance-rules.js'
import { enrolmentRoot } from '../../schemas/registry/meter-rules.js'
import type { Applied } from '../../schemas/registry/state.js'
import { signedMessage, TAGS } from '../../schemas/tags.js'
import { sign, sodiumSignatures } from '../crypto/sodium.js'
import type { AuthorityKey } from '../keys.js'
import type { EventSigner } from '../registry/sign-event.js'
import { MemoryLog } from './memory-log.js'
import { type TestRegistry, type TestRegistryPlan, testAuthorityKey, testEvent, testMeter, testRegistry } from './registry.js'
import { SignedMeter } from './signed-meters.js'

const SCHEMA_IDS = { registry: 1, readings: 2, block: 3, vote: 4 } as const

/** A value as the registry’s clients write it: 0, schema id, record. */
export function framed(kind: keyof typeof SCHEMA_IDS, bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(SCHEMA_IDS[kind], 1)
  return Buffer.concat([prefix, bytes])
}

/** A block that was sealed, and what honest voters say of it. */
export interface Sealed {
  readonly header: Header
  readonly hash: Hash
  readonly entries: readonly Buffer[]
  readonly notCounted: NotCounted[]
  readonly parent: FinalBlock
  readonly states: ReadonlyMap<string, MeterState>
}

export class TestChain {
  readonly registry: TestRegistry
  readonly log: MemoryLog
  readonly lanes: number
  readonly meters = new Map<string, SignedMeter>()
  readonly #finals = new Map<number, FinalBlock>()
  readonly #states = new Map<string, MeterState>()

  constructor({ lanes = 2, meters = 4, ...plan }: TestRegistryPlan = {}) {
    this.lanes = lanes
    this.registry = testRegistry({ ...plan, lanes })
    this.log = new MemoryLog({ registry: 1, readings: lanes, chain: lanes, checkpoints: 1 })
    this.log.append('registry', 0, framed('registry', this.registry.genesis))
    if (meters > 0) this.enrol(Array.from({ length: meters }, (_, index) => `meter-${index + 1}`))
  }

  get chainId(): Hash {
    return this.registry.chainId
  }

  /** Folds an event and appends its record; throws where it does not count. */
  submit(
    content: EventContent,
    signers: readonly EventSigner[] = this.authorities(),
    meters: readonly EnrolledMeter[] = [],
  ): Applied {
    const event = testEvent(this.registry.state, content, signers, meters)
    const applied = this.registry.state.apply(event)
    if (!applied.counted) throw new Error(applied.reason)
    this.log.append('registry', 0, framed('registry', encodeRegistryEvent(event)))
    return applied
  }

  enrol(ids: readonly string[]): void {
    const meters = ids.map((id) => testMeter(id))
    const content = { kind: 'EnrolMeters', count: meters.length, root: enrolmentRoot(meters) } as const
    this.submit(content, this.authorities().slice(0, 1), meters)
    for (const id of ids) this.meter(id)
  }

  /** Keys of those that have weight now. */
  authorities(): AuthorityKey[] {
    const { authorities } = this.registry.state.governanceAt(this.registry.state.size)
    return authorities.filter((each) => each.weight > 0).map(({ id }) => testAuthorityKey(id))
  }

  meter(id: string): SignedMeter {
    const meter = this.meters.get(id) ?? new SignedMeter(id, this.chainId)
    this.meters.set(id, meter)
    return meter
  }

  laneOf(id: string): number {
    return laneOf(id, this.lanes)
  }

  final(lane: number): FinalBlock {
    return this.#finals.get(lane) ?? laneGenesis(this.chainId, lane).final
  }

  /** One record of `readings`. */
  append(lane: number, entries: readonly Buffer[]): void {
    this.log.append('readings', lane, framed('readings', joinEntries(entries)))
  }

  /** Every meter of a lane sends `count` readings, one record for each round. */
  send(count: number, ids: readonly string[] = [...this.registry.meterKeys.keys(), ...this.meters.keys()]): void {
    for (let round = 0; round < count; round++) {
      for (let lane = 0; lane < this.lanes; lane++) {
        const entries = [...new Set(ids)].filter((id) => this.laneOf(id) === lane).map((id) => this.meter(id).next())
        if (entries.length > 0) this.append(lane, entries)
      }
    }
  }

  /** Seals all that waits in `readings`, or what `changes` say, and appends the block. */
  seal(lane: number, changes: Partial<Header> & { entries?: readonly Buffer[] } = {}): Sealed {
    const { entries: given, ...header } = changes
    const parent = this.final(lane)
    const waiting = this.log.records('readings', lane).filter(({ offset }) => offset > parent.lastOffset)
    const entries = given ?? waiting.flatMap(({ value }) => splitEntries(value))
    const { state } = this.registry
    const height = parent.height + 1n
    const [proposer = ''] = turnOrder(state.governanceAt(parent.registrySize), { chainId: this.chainId, lane, height })
    const sourceEpoch = sourceEpochOf(state.governanceAt(state.size), lane)
    const firstOffset = sourceEpoch === parent.sourceEpoch ? parent.lastOffset + 1n : 0n
    const made: Header = {
      ...{ lane, height, previous: parent.hash, root: merkleRoot(entries.map(leafHash)), count: entries.length },
      ...{ sourceEpoch, firstOffset, lastOffset: waiting.at(-1)?.offset ?? firstOffset - 1n },
      ...{
        registrySize: state.size,
        registryRoot: state.root,
        sealedAt: 1_770_000_000_000 + Number(height),
        proposer,
        attempt: 0,
      },
      ...header,
    }
    const headerBytes = encodeHeader(made)
    const seal = sign(sealMessage(this.chainId, headerBytes), testAuthorityKey(made.proposer).secretKey)
    this.log.append('chain', lane, framed('block', encodeBlock(headerBytes, seal, entries)))
    return { header: made, hash: blockHash(headerBytes), entries, parent, ...this.#judge(lane, made.registrySize, entries) }
  }

  /** Appends one authority’s vote; by default what an honest one says. */
  vote(sealed: Sealed, authority: string, judgement: Judgement = this.accept(sealed)): Buffer {
    const { lane, height } = sealed.header
    const bytes = encodeVote({ lane, height, block: sealed.hash, authority, judgement })
    const signature = sign(voteMessage(this.chainId, bytes), testAuthorityKey(authority).secretKey)
    const value = framed('vote', encodeSignedVote(bytes, signature))
    this.log.append('chain', lane, value)
    return value
  }

  accept({ parent, notCounted }: Sealed, other = notCounted): Judgement {
    return { kind: 'accept', verdictHash: verdictHash(parent.verdictHash, other), notCounted: other }
  }

  /** Takes a sealed block as final, with another verdict than the right one if given. */
  settle(sealed: Sealed, notCounted = sealed.notCounted): void {
    const { lane, height, registrySize, sourceEpoch, lastOffset } = sealed.header
    const hash = verdictHash(sealed.parent.verdictHash, notCounted)
    this.#finals.set(lane, { height, hash: sealed.hash, verdictHash: hash, registrySize, sourceEpoch, lastOffset })
    for (const [meter, state] of sealed.states) this.#states.set(meter, state)
  }

  /** Seals, lets every authority accept, and takes it as final. */
  finalize(lane: number, changes: Partial<Header> & { entries?: readonly Buffer[]; notCounted?: NotCounted[] } = {}): Sealed {
    const { notCounted, ...header } = changes
    const voters = this.registry.state.governanceAt(this.final(lane).registrySize).authorities
    const sealed = this.seal(lane, header)
    const verdict = notCounted ?? sealed.notCounted
    for (const { id } of voters) this.vote(sealed, id, this.accept(sealed, verdict))
    this.settle(sealed, verdict)
    return sealed
  }

  /** A block for every lane. */
  finalizeAll(): void {
    for (let lane = 0; lane < this.lanes; lane++) this.finalize(lane)
  }

  #judge(lane: number, size: number, entries: readonly Buffer[]): { notCounted: NotCounted[]; states: Map<string, MeterState> } {
    const states = new Map<string, MeterState>()
    const notCounted = judgeEntries(entries, {
      lane,
      lanes: this.lanes,
      facts: (meter) => this.registry.state.meterAt(meter, size),
      meterState: (meter) => states.get(meter) ?? this.#states.get(meter) ?? NEW_METER,
      keep: (meter, state) => states.set(meter, state),
      verify: (signature, bytes, key) =>
        sodiumSignatures.verify(signature, signedMessage(TAGS.reading, this.chainId, bytes), key),
    })
    return { notCounted, states }
  }
}

/** A copy of the log with one bit of one value changed. */
export function flipBit(value: Buffer, bit: number): Buffer {
  const copy = Buffer.from(value)
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  if (equalBytes(copy, value)) throw new Error(`bit ${bit} of ${hashKey(value)} did not change`)
  return copy
}

/** A chain with something of everything: two lanes, four authorities, key changes, faulty entries, a void candidate, late votes. */
export function variedChain(): TestChain {
  const chain = new TestChain({ authorities: 4, lanes: 2, meters: 4 })
  chain.send(3)
  chain.finalizeAll()
  addFaultyEntries(chain)
  chain.finalizeAll()
  chain.submit({ kind: 'RetireMeter', meter: 'meter-4', fromSequence: 100 }, chain.authorities().slice(0, 1))
  chain.submit({
    kind: 'AddAuthority',
    authority: { id: 'authority-5', key: testAuthorityKey('authority-5').publicKey, weight: 2 },
  })
  chain.finalizeAll()
  chain.send(2)
  const rival = chain.seal(0, { proposer: 'authority-2' })
  for (const id of ['authority-1', 'authority-3']) chain.vote(rival, id, { kind: 'reject', fault: 37, detail: 'before its turn' })
  chain.finalizeAll()
  chain.vote(rival, 'authority-4', { kind: 'reject', fault: 37, detail: 'late' })
  chain.submit({ kind: 'SetConsensus', consensus: 'pos' })
  chain.finalizeAll()
  chain.send(1)
  chain.finalizeAll()
  return chain
}

/** A stranger’s garbage, an unknown meter, a forged signature, a gap and its filling, a repetition. */
export function addFaultyEntries(chain: TestChain): void {
  for (let lane = 0; lane < chain.lanes; lane++) {
    chain.log.append('readings', lane, Buffer.from('not a record'))
    chain.log.append('readings', lane, null)
    const [id] = [...chain.registry.meterKeys.keys(), 'meter-1', 'meter-2', 'meter-3', 'meter-4'].filter(
      (each) => chain.laneOf(each) === lane,
    )
    if (id === undefined) continue
    const meter = chain.meter(id)
    const [first, late, after] = [meter.next(), meter.next(), meter.next()]
    const forged = Buffer.from(meter.next())
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1)
    const stranger = new SignedMeter(`stranger-${lane}`, chain.chainId)
    chain.append(lane, [first, after, late, after, forged, stranger.next()])
    meter.sequence--
    meter.previous = leafHash(after)
  }
}
