// Topic `checkpoints` from raw values: what becomes of each record, and all that holds after it.
import { CheckpointLog, checkpointLane, isSameLeaf, leavesOf } from '../../../schemas/checkpoint/log.js'
import {
  checkpointMessage,
  checkpointText,
  keyHash,
  NOTE_KIND,
  type NoteKind,
  noteLine,
  noteOf,
  originOf,
} from '../../../schemas/checkpoint/note.js'
import { isQuorum, totalWeight } from '../../../schemas/consensus/turns.js'
import { type Hash, hashKey } from '../../../schemas/hash.js'
import { apply, blockHash, type LaneRules, type LaneState, laneGenesis, type Outcome } from '../../../schemas/lane-fold.js'
import { MemoryNodeStore } from '../../../schemas/merkle.js'
import { type Block, type Cosignature, decodeChainRecord, decodeCosignature, type NotCounted } from '../../../schemas/records.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { foldValue, type LogLine } from './lane-log.js'

export interface Final {
  readonly height: bigint
  readonly block: Hash
  readonly verdict: Hash
}

/** A lane of readings: its log's values, and what they make final. */
export interface LaneLog {
  readonly lane: number
  readonly values: readonly Buffer[]
  readonly finals: readonly Final[]
}

export interface Witness {
  readonly name: string
  readonly publicKey: Buffer
}

/** What is told of a signature. `holds` is null where its key is not known; `isOfHead`: this log has had that head. */
interface SignatureLine {
  readonly by: 'authority' | 'witness'
  readonly holds: boolean | null
  readonly isOfHead: boolean
  /** Its line in a note, where it holds. */
  readonly line?: string
}

export interface CheckpointLine extends Omit<LogLine, 'outcome'> {
  readonly outcome: LogLine['outcome'] | 'signature'
  /** Of candidates, and of what became final, with its verdict: SPEC, 14.3. */
  readonly isRight?: boolean
  readonly signature?: SignatureLine
  readonly tree: object
}

interface Head {
  readonly height: bigint
  readonly size: number
  readonly root: Hash
  readonly registrySize: number
  readonly signers: Set<string>
  readonly lines: string[]
}

const keyHashOf = (name: string, kind: NoteKind, publicKey: Buffer) => ({
  name,
  kind,
  publicKey,
  hash: keyHash(name, kind, publicKey),
})

export function laneRules(registry: RegistryState): LaneRules {
  const authoritiesAt = (size: number) => registry.governanceAt(size)
  return { chainId: registry.chainId, authoritiesAt, verify: sodiumSignatures.verify }
}

/** What a lane's values make final. */
export function finalsOf(registry: RegistryState, lane: number, values: readonly Buffer[]): Final[] {
  let state = laneGenesis(registry.chainId, lane)
  return values.flatMap((value) => {
    const record = decodeChainRecord(value)
    const applied = record && apply(state, record, laneRules(registry))
    state = applied?.state ?? state
    const { height, hash: block, verdictHash: verdict } = state.final
    return applied?.outcome.kind === 'final' ? [{ height, block, verdict }] : []
  })
}

export class CheckpointVectorLog {
  readonly nodes = new MemoryNodeStore()
  readonly log: CheckpointLog
  readonly lines: CheckpointLine[] = []
  readonly #blocks = new Map<string, Block>()
  readonly #heads = new Map<number, Head>()
  state: LaneState

  constructor(
    readonly registry: RegistryState,
    readonly lanes: readonly LaneLog[],
    readonly witnesses: readonly Witness[],
  ) {
    this.log = new CheckpointLog(this.nodes, registry.lanes)
    this.state = laneGenesis(registry.chainId, checkpointLane(registry.lanes))
  }

  append(name: string, value: Buffer | null): void {
    const line = { offset: BigInt(this.lines.length), name, value }
    const cosignature = decodeCosignature(value)
    const taken = cosignature === undefined ? this.#fold(line) : { ...line, ...this.#signature(cosignature) }
    const tips = Object.fromEntries([...this.log.tips].map(([lane, { height }]) => [lane, height]))
    this.lines.push({ ...taken, tree: { ...this.log.head, tips } })
  }

  #fold(line: Pick<LogLine, 'offset' | 'name' | 'value'>) {
    const rules = laneRules(this.registry)
    const record = decodeChainRecord(line.value)
    const outcome = record && apply(this.state, record, rules).outcome
    const folded = foldValue(this.state, rules, line)
    this.state = folded.state
    if (record?.kind === 'block' && outcome?.kind === 'candidate')
      this.#blocks.set(hashKey(blockHash(record.headerBytes)), record)
    const isRight = outcome && this.#judged(outcome)
    return { ...folded.line, ...(isRight !== undefined && { isRight }) }
  }

  #judged(outcome: Outcome): boolean | undefined {
    if (outcome.kind !== 'candidate' && outcome.kind !== 'final') return undefined
    const block = this.#blocks.get(hashKey(outcome.candidate.hash))
    if (block === undefined) throw new Error('no block of this hash')
    const isRight = this.#isRight(block, outcome.kind === 'final' ? outcome.notCounted : [])
    if (outcome.kind === 'final') this.#grow(block)
    return isRight
  }

  #isRight(block: Block, notCounted: readonly NotCounted[]): boolean {
    const { registrySize, registryRoot } = block.header
    const found = leavesOf(block, this.log.tips, this.registry.lanes)
    if (!found.ok || notCounted.length > 0 || !this.registry.rootAt(registrySize)?.equals(registryRoot)) return false
    return found.leaves.every((leaf) => {
      const mine = this.lanes[leaf.lane]?.finals.find(({ height }) => height === leaf.height)
      return mine !== undefined && isSameLeaf(leaf, mine)
    })
  }

  #grow({ header, entries }: Block): void {
    const { head } = this.log.take(entries)
    const { height, registrySize } = header
    this.#heads.set(head.size, { height, ...head, registrySize, signers: new Set(), lines: [] })
  }

  #signature(cosignature: Cosignature): { outcome: 'signature'; signature: SignatureLine } {
    const { authority: name, size, root, timestamp, signature } = cosignature
    const { chainId } = this.registry
    const head = this.#heads.get(size)
    const isOfHead = head?.root.equals(root) === true
    const by = timestamp === 0 ? 'authority' : 'witness'
    const registrySize = isOfHead ? head.registrySize : this.state.final.registrySize
    const publicKey = by === 'authority' ? this.#authority(name, registrySize)?.key : this.#witness(name)?.publicKey
    if (publicKey === undefined) return { outcome: 'signature', signature: { by, holds: null, isOfHead } }
    const holds = sodiumSignatures.verify(signature, checkpointMessage(chainId, { size, root }, timestamp), publicKey)
    if (!holds) return { outcome: 'signature', signature: { by, holds, isOfHead } }
    const line = noteLine({ name: by === 'authority' ? originOf(chainId) : name, publicKey, signature, timestamp })
    if (isOfHead && !head.lines.includes(line)) head.lines.push(line)
    if (isOfHead && by === 'authority') head.signers.add(name)
    return { outcome: 'signature', signature: { by, holds, isOfHead, line } }
  }

  #authority = (name: string, size: number) => this.registry.governanceAt(size).authorities.find(({ id }) => id === name)
  #witness = (name: string) => this.witnesses.find((each) => each.name === name)

  /** Each head, what is signed of it, and who did. */
  heads(): object[] {
    return [...this.#heads.values()].map(({ signers, lines, ...head }) => {
      const set = this.registry.governanceAt(head.registrySize)
      const weight = set.authorities.filter(({ id }) => signers.has(id)).reduce((sum, each) => sum + each.weight, 0)
      const text = checkpointText(this.registry.chainId, head)
      const isVouchedFor = isQuorum(weight, totalWeight(set))
      return { ...head, text, signers: [...signers].sort(), weight, isVouchedFor, note: noteOf(text, lines) }
    })
  }

  /** The first bytes of lines in notes, of every key that may stand in one. */
  keyHashes(): object[] {
    const origin = originOf(this.registry.chainId)
    const keys = this.registry.governanceAt(this.registry.size).authorities.map(({ key }) => key)
    return [
      ...keys.map((publicKey) => keyHashOf(origin, NOTE_KIND.log, publicKey)),
      ...this.witnesses.map(({ name, publicKey }) => keyHashOf(name, NOTE_KIND.cosignature, publicKey)),
    ]
  }
}
