/** A witness: it only follows. It folds registry and checkpoints by itself, signs each head that continues the one it signed before,
 *  shows it at a stable URL, and compares with what others show. */
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { Gauge } from 'prom-client'
import { hex } from '../../schemas/bytes.js'
import { CheckpointLog } from '../../schemas/checkpoint/log.js'
import {
  checkpointMessage,
  checkpointText,
  noteLine,
  noteOf,
  originOf,
  parseNote,
  type TreeHead,
} from '../../schemas/checkpoint/note.js'
import { signersOf } from '../../schemas/checkpoint/signed-head.js'
import { isQuorum } from '../../schemas/consensus/turns.js'
import { rootAt } from '../../schemas/merkle.js'
import { type Cosignature, decodeChainRecord, encodeCosignature } from '../../schemas/records.js'
import { CheckpointFeed, type FinalCheckpoint } from '../checkpoints/checkpoint-feed.js'
import type { CheckpointPosition } from '../checkpoints/checkpoint-position.js'
import { sign } from '../crypto/sodium.js'
import { type Readiness, startHealthServer } from '../health.js'
import { readLog } from '../kafka/log-reader.js'
import type { AuthorityKey } from '../keys.js'
import { createRegistry } from '../metrics.js'
import type { Running, Runtime } from '../stage-runtime.js'
import { Heads, type VouchedHead } from './heads.js'
import { WitnessStore } from './witness-store.js'

export interface WitnessDeps extends Runtime {
  readonly key: AuthorityKey
  readonly port: number
  /** Addresses of other witnesses' checkpoints, or of whoever shows one. */
  readonly peers: readonly string[]
  readonly peerMillis: number
}

/** Two heads of one log, of which neither continues the other, each signed by those who decide. */
export interface SplitView {
  readonly source: string
  readonly size: number
  readonly here: string
  readonly there: string
}

/** A peer's heads that are larger than ours, until we have read so far. */
const MAX_AHEAD = 100
const FETCH_MILLIS = 5_000

export class Witness {
  readonly splits: SplitView[] = []
  readonly #store: WitnessStore
  readonly #heads: Heads
  readonly #feed: CheckpointFeed
  readonly #origin: string
  readonly #size: Gauge
  readonly #splitViews: Gauge
  readonly #ahead = new Map<string, { head: TreeHead; note: string; source: string }>()
  readonly #peerFaults = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #looking: Promise<void> | undefined
  #vouched: VouchedHead | undefined

  private constructor(
    private readonly deps: WitnessDeps,
    store: WitnessStore,
    position: CheckpointPosition | undefined,
    metrics: ReturnType<typeof createRegistry>,
  ) {
    const { registry, signatures } = deps
    this.#store = store
    this.#heads = new Heads(registry.state.chainId, signatures.verify)
    this.#origin = originOf(registry.state.chainId)
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [metrics] })
    this.#size = gauge('meterchain_witness_size', 'final blocks under the newest head that this witness signed')
    this.#splitViews = gauge('meterchain_witness_split_views', 'heads of this log that contradict one another')
    this.#size.set(store.signed?.size ?? 0)
    const start = position && { size: position.size, tips: position.tips }
    this.#feed = new CheckpointFeed({
      ...deps,
      verify: signatures.verify,
      groupId: `meterchain-witness-${deps.key.id}-${randomUUID()}`,
      position: position?.at,
      log: new CheckpointLog(store, registry.state.lanes, start),
      onFinal: (checkpoint) => this.#grow(checkpoint),
      onCosignature: (cosignature) => this.#note(cosignature),
      onChange: () => this.#signNewest(),
      onFailure: deps.onFatal,
    })
  }

  static async open(deps: WitnessDeps): Promise<{ witness: Witness; metrics: ReturnType<typeof createRegistry> }> {
    const path = join(deps.folder, 'log')
    await mkdir(path, { recursive: true })
    const store = new WitnessStore(path, deps.registry.state.chainId)
    const metrics = createRegistry('witness')
    return { witness: new Witness(deps, store, await resumable(store, deps), metrics), metrics }
  }

  /** The newest head that it signed, with the signatures; undefined: none yet. */
  get note(): string | undefined {
    return this.#store.signed?.note
  }

  /** Peers whose checkpoints say nothing, and why. */
  get peerFaults(): { peer: string; fault: string }[] {
    return [...this.#peerFaults].map(([peer, fault]) => ({ peer, fault }))
  }

  async start(): Promise<void> {
    await this.#feed.start()
    this.#look()
  }

  readiness(): Readiness {
    const [split] = this.splits
    if (split !== undefined) return { ready: false, why: `split view at size ${split.size}, shown by ${split.source}` }
    if (!this.#feed.isAtEnd) return { ready: false, why: 'reading checkpoints' }
    const [fault] = this.#peerFaults
    return fault === undefined ? { ready: true } : { ready: true, why: `${fault[0]}: ${fault[1]}` }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#looking
    await this.#feed.stop()
    await this.#store.close()
  }

  async #grow({ finalized, head }: FinalCheckpoint): Promise<void> {
    const { registry } = this.deps
    const position = { at: this.#feed.reader.position, size: head.size, peaks: [], tips: this.#feed.log.tips }
    this.#store.keep(position)
    this.#heads.add(head, registry.state.governanceAt(finalized.header.registrySize))
    const { signed } = this.#store
    if (signed !== undefined && signed.size <= head.size)
      await this.#compare('what this witness signed before', signed, signed.note)
    for (const [note, ahead] of this.#ahead) {
      if (ahead.head.size > head.size) continue
      this.#ahead.delete(note)
      await this.#compare(ahead.source, ahead.head, note)
    }
  }

  #note(cosignature: Cosignature): void {
    this.#vouched = this.#heads.take(cosignature) ?? this.#vouched
  }

  /** While an old log is read, only its newest head is worth a signature. */
  async #signNewest(): Promise<void> {
    const vouched = this.#vouched
    if (vouched === undefined || !this.#feed.isAtEnd || this.splits.length > 0) return
    if (vouched.head.size > (this.#store.signed?.size ?? 0)) await this.#sign(vouched)
  }

  /** The head is kept before anybody sees the signature: it never signs another one after a crash. */
  async #sign({ head, signatures }: VouchedHead): Promise<void> {
    const { key, registry, writer, ids, logger } = this.deps
    const { chainId } = registry.state
    const timestamp = Math.floor(Date.now() / 1000)
    const signature = sign(checkpointMessage(chainId, head, timestamp), key.secretKey)
    const lines = [
      ...signatures.map((each) => noteLine({ ...each, name: this.#origin, timestamp: 0 })),
      noteLine({ name: key.id, publicKey: key.publicKey, signature, timestamp }),
    ]
    this.#vouched = undefined
    this.#store.keepSigned({ ...head, note: noteOf(checkpointText(chainId, head), lines) })
    this.#size.set(head.size)
    const record = encodeCosignature({ ...head, authority: key.id, timestamp, signature })
    await writer.append('checkpoints', 0, [{ key: null, value: ids.frame('Cosignature', record) }])
    logger.info({ size: head.size, root: hex(head.root) }, 'signed')
  }

  /** Whether a head that others vouch for is one of the log read here, which is at least as long. */
  async #compare(source: string, head: TreeHead, note: string): Promise<void> {
    const { log } = this.#feed
    if (head.size > log.size) return
    const ownRoot = rootAt(this.#store, head.size)
    if (ownRoot.equals(head.root)) return
    if (this.splits.some((each) => each.there === note)) return
    const here = this.#store.signed?.note ?? checkpointText(this.deps.registry.state.chainId, log.head)
    const split: SplitView = { source, size: head.size, here, there: note }
    const file = join(this.deps.folder, `split-view-${head.size}.json`)
    await writeFile(
      file,
      `${JSON.stringify({ origin: this.#origin, ...split, rootHere: hex(ownRoot), rootThere: hex(head.root) }, null, 2)}\n`,
    )
    this.splits.push(split)
    this.#splitViews.set(this.splits.length)
    const found = { source, size: head.size, here: hex(ownRoot), there: hex(head.root), file }
    this.deps.logger.error(found, 'split view: two logs of one chain. Nothing is signed any more; keep the file, it is the proof')
  }

  /** Looks at the peers now and then. */
  #look(): void {
    this.#looking = this.#lookAtAll().finally(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#look(), this.deps.peerMillis)
    })
  }

  async #lookAtAll(): Promise<void> {
    for (const peer of this.deps.peers) {
      const fault = await this.#lookAt(peer)
      if (fault === undefined) this.#peerFaults.delete(peer)
      else if (this.#peerFaults.get(peer) !== fault) {
        this.#peerFaults.set(peer, fault)
        this.deps.logger.warn({ peer, fault }, 'a peer’s checkpoint cannot be compared')
      }
    }
  }

  /** Why a peer's checkpoint says nothing; undefined: it was compared, or will be. */
  async #lookAt(peer: string): Promise<string | undefined> {
    let text: string
    try {
      const response = await fetch(peer, { signal: AbortSignal.timeout(FETCH_MILLIS) })
      if (response.status === 404) return undefined
      if (!response.ok) return `it answers ${response.status}`
      text = await response.text()
    } catch (error) {
      return String(error)
    }
    const note = parseNote(text)
    if (note === undefined) return 'it is no checkpoint'
    if (note.origin !== this.#origin) return `it is of ${note.origin}`
    const { registry, signatures } = this.deps
    const set = registry.state.governanceAt(registry.state.size)
    const { weight } = signersOf(note, set, signatures)
    if (!isQuorum(weight.signed, weight.total))
      return `authorities of ${weight.signed} of ${weight.total} signed it, not of more than 2/3`
    if (note.head.size > this.#feed.log.size) {
      if (this.#ahead.size < MAX_AHEAD) this.#ahead.set(text, { head: note.head, note: text, source: peer })
      return undefined
    }
    await this.#compare(peer, note.head, text)
    return undefined
  }
}

/** Follows, signs and shows what it signed, until it is stopped. */
export async function startWitness(deps: WitnessDeps): Promise<Running & { port: number; witness: Witness }> {
  const { witness, metrics } = await Witness.open(deps)
  const server = await startHealthServer({
    host: deps.config.host,
    port: deps.port,
    metrics: { registry: metrics },
    isReady: () => witness.readiness(),
    pages: { '/checkpoint': () => witness.note },
  })
  await witness.start()
  const stop = async () => {
    await witness.stop()
    await server.stop()
  }
  return { port: server.port, witness, stop }
}

/** Where reading goes on; from the start where the log is another than before, which then has to lead to what was signed. */
async function resumable(
  store: WitnessStore,
  { kafka, config, logger }: Runtime & { logger: Logger },
): Promise<CheckpointPosition | undefined> {
  const { position } = store
  if (position === undefined) return undefined
  const { nextOffset, final } = position.at
  const part = { topicPrefix: config.topicPrefix, topic: 'checkpoints', partition: 0 } as const
  try {
    for await (const { value } of readLog({ kafka, ...part, from: nextOffset - 1n, until: nextOffset })) {
      const record = decodeChainRecord(value)
      if (record?.kind === 'vote' && record.vote.block.equals(final.hash)) return position
    }
    logger.warn({ offset: String(nextOffset) }, 'the log is not the one that was read before: it is read from its start')
  } catch (error) {
    logger.warn(
      { err: error, offset: String(nextOffset) },
      'the log does not hold what was read before: it is read from its start',
    )
  }
  store.forgetPosition()
  return undefined
}
