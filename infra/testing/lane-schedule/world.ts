/** One lane's two logs, the records on their way to them, and a clock that only the schedule moves. */
import { crc32 } from 'node:zlib'
import { equalBytes } from '../../../schemas/bytes.js'
import { type AuthoritySet, totalWeight } from '../../../schemas/consensus/turns.js'
import { type Hash, sha256 } from '../../../schemas/hash.js'
import { type LaneAuthority, type LaneRules, sealMessage, verdictHash, voteMessage } from '../../../schemas/lane-fold.js'
import {
  type ConsensusKind,
  encodeBlock,
  encodeHeader,
  encodeSignedVote,
  encodeVote,
  type Judgement,
  type NotCounted,
  type Vote,
} from '../../../schemas/records.js'
import type { LaneRecord } from '../../chain/lane-reader.js'
import type { LogRecord } from '../../kafka/log-reader.js'
import type { Random } from './random.js'

export const LANE = 2
export const WIGGLE_MILLIS = 500
/** The registry of a schedule never changes. */
export const REGISTRY = { registrySize: 1, registryRoot: sha256(Buffer.from('registry of the schedules')), sourceEpoch: 0 }

/** Stands for a signature (CRC-32 over the message, begun with the key): the fold takes the check from outside, and real ones would
 *  leave time for few schedules. */
function sealWith(key: Buffer, message: Buffer): Buffer {
  const seal = Buffer.alloc(64)
  seal.writeUInt32BE(crc32(message, key.readUInt32BE(0)))
  return seal
}

/** What every honest authority finds of entries. */
export const judge = (entries: readonly Buffer[]): NotCounted[] =>
  entries.flatMap((entry, index) => ((entry[1] ?? 0) % 4 === 0 ? [{ entry: index, code: 4 }] : []))

export const accept = (parentVerdict: Hash, notCounted: NotCounted[]): Judgement => {
  return { kind: 'accept', verdictHash: verdictHash(parentVerdict, notCounted), notCounted }
}

interface InFlight {
  readonly value: Buffer
  onWritten(offset: bigint): void
}

export class World {
  readonly chainId = sha256(Buffer.from('chain of the schedules'))
  readonly set: AuthoritySet<LaneAuthority>
  readonly rules: LaneRules
  readonly readings: LogRecord[] = []
  /** The log as readers find it; a lost record has no value. */
  log: LaneRecord[] = []
  /** The same with nothing lost: what a replica holds. */
  readonly known: LaneRecord[] = []
  readonly flight: InFlight[] = []
  now = 1_770_000_000_000

  constructor(
    weights: readonly number[],
    consensus: ConsensusKind,
    readonly random: Random,
  ) {
    const authorities = weights.map((weight, index) => {
      const id = String.fromCharCode(97 + index)
      return { id, weight, key: sha256(Buffer.from(id)) }
    })
    this.set = { consensus, authorities, hash: sha256(Buffer.from('governance of the schedules')) }
    this.rules = {
      chainId: this.chainId,
      authoritiesAt: () => this.set,
      verify: (signature, message, key) => equalBytes(signature, sealWith(key, message)),
    }
  }

  get total(): number {
    return totalWeight(this.set)
  }

  get lastReading(): bigint {
    return BigInt(this.readings.length) - 1n
  }

  /** One record of `readings`, of one entry. */
  receive(): void {
    const value = Buffer.from([1 + this.random.below(255), this.random.below(256)])
    this.readings.push({ offset: BigInt(this.readings.length), timestamp: this.now, key: null, value })
  }

  block(header: Parameters<typeof encodeHeader>[0], entries: readonly Buffer[]): Buffer {
    const headerBytes = encodeHeader(header)
    return encodeBlock(headerBytes, sealWith(this.keyOf(header.proposer), sealMessage(this.chainId, headerBytes)), entries)
  }

  /** A vote, signed by its authority or, as nobody would take it, by `signer`. */
  vote(vote: Vote, signer = vote.authority): Buffer {
    const voteBytes = encodeVote(vote)
    return encodeSignedVote(voteBytes, sealWith(this.keyOf(signer), voteMessage(this.chainId, voteBytes)))
  }

  private keyOf(id: string): Buffer {
    return this.set.authorities.find((each) => each.id === id)?.key ?? sha256(Buffer.from('nobody'))
  }

  append(value: Buffer): bigint {
    const record = { offset: BigInt(this.log.length), timestamp: this.now, value }
    this.log.push(record)
    this.known.push(record)
    return record.offset
  }

  /** Begins to write; others may come first, and a writer that ends meanwhile takes nothing back. */
  send(value: Buffer, onWritten: InFlight['onWritten']): void {
    this.flight.push({ value, onWritten })
  }

  /** One record arrives, mostly the oldest; now and then the broker is told twice. */
  deliver(): void {
    const at = this.random.chance(0.7) ? 0 : this.random.below(this.flight.length)
    const [arrived] = this.flight.splice(at, 1)
    if (arrived === undefined) return
    const offset = this.append(arrived.value)
    if (this.random.chance(0.03)) this.append(arrived.value)
    arrived.onWritten(offset)
  }

  lose(at: number): void {
    this.log = this.log.map((record, index) => (index === at ? { ...record, value: null } : record))
  }

  /** The topic is made again from the replica, in its order. */
  recreate(): void {
    this.log = [...this.known]
  }
}
