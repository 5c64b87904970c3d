/** The states of meters' chains on disk, committed with their lane's final block: one LMDB, memory independent of the number of
 *  meters. Each value carries a checksum; a store that fails it is thrown away and made again from the log. */
import { type Database, open, type RootDatabase } from 'lmdb'
import { fromHex, hex } from '../../schemas/bytes.js'
import { type Gap, type MeterState, NEW_METER } from '../../schemas/meter-chain.js'
import { CHECKSUM_BYTES, CorruptStateError, checksumOf, stored } from './checked-store.js'
import { KeptFinals } from './kept-finals.js'
import type { Finalized, LanePosition } from './lane-reader.js'

const FIXED_BYTES = 8 + 32 + 8
const GAP_BYTES = 8 + 8 + 32 + 32

/** sequence (8) ‖ hash (32) ‖ reset (8) ‖ gaps, each from (8) ‖ to (8) ‖ lower (32) ‖ upper (32) ‖ checksum over key and all that (8).
 *  Integers as doubles: exact for every sequence that a reading can have. */
export function encodeMeterState(meter: string, state: MeterState): Buffer {
  const bytes = Buffer.alloc(FIXED_BYTES + GAP_BYTES * state.gaps.length + CHECKSUM_BYTES)
  bytes.writeDoubleBE(state.sequence, 0)
  state.hash.copy(bytes, 8)
  bytes.writeDoubleBE(state.reset, 40)
  state.gaps.forEach((gap, index) => {
    const at = FIXED_BYTES + GAP_BYTES * index
    bytes.writeDoubleBE(gap.from, at)
    bytes.writeDoubleBE(gap.to, at + 8)
    gap.lower.copy(bytes, at + 16)
    gap.upper.copy(bytes, at + 48)
  })
  const end = bytes.length - CHECKSUM_BYTES
  checksumOf(meter, bytes.subarray(0, end)).copy(bytes, end)
  return bytes
}

/** Throws CorruptStateError where the checksum does not hold. */
export function decodeMeterState(meter: string, value: Uint8Array): MeterState {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const end = bytes.length - CHECKSUM_BYTES
  if (
    end < FIXED_BYTES ||
    (end - FIXED_BYTES) % GAP_BYTES !== 0 ||
    !checksumOf(meter, bytes.subarray(0, end)).equals(bytes.subarray(end))
  ) {
    throw new CorruptStateError(`the stored state of meter ${meter} fails its checksum`)
  }
  const gaps: Gap[] = []
  for (let at = FIXED_BYTES; at < end; at += GAP_BYTES) {
    gaps.push({
      from: bytes.readDoubleBE(at),
      to: bytes.readDoubleBE(at + 8),
      lower: Buffer.from(bytes.subarray(at + 16, at + 48)),
      upper: Buffer.from(bytes.subarray(at + 48, at + 80)),
    })
  }
  return { sequence: bytes.readDoubleBE(0), hash: Buffer.from(bytes.subarray(8, 40)), reset: bytes.readDoubleBE(40), gaps }
}

/** A lane's position as JSON, integers beyond 2^53 as text, after a checksum over lane and text. */
function encodePosition(lane: number, { final, nextOffset }: LanePosition): string {
  const text = JSON.stringify({
    height: String(final.height),
    hash: hex(final.hash),
    verdictHash: hex(final.verdictHash),
    registrySize: final.registrySize,
    sourceEpoch: final.sourceEpoch,
    lastOffset: String(final.lastOffset),
    nextOffset: String(nextOffset),
  })
  return hex(checksumOf(`lane ${lane}`, Buffer.from(text))) + text
}

function decodePosition(lane: number, written: string): LanePosition {
  const text = written.slice(2 * CHECKSUM_BYTES)
  if (hex(checksumOf(`lane ${lane}`, Buffer.from(text))) !== written.slice(0, 2 * CHECKSUM_BYTES)) {
    throw new CorruptStateError(`the stored position of lane ${lane} fails its checksum`)
  }
  const { height, lastOffset, nextOffset, hash, verdictHash, registrySize, sourceEpoch } = JSON.parse(text)
  return {
    final: {
      height: BigInt(height),
      hash: fromHex(hash),
      verdictHash: fromHex(verdictHash),
      registrySize,
      sourceEpoch,
      lastOffset: BigInt(lastOffset),
    },
    nextOffset: BigInt(nextOffset),
  }
}

export class MeterStates {
  private constructor(
    private readonly root: RootDatabase,
    private readonly meters: Database<Buffer, string>,
    private readonly lanes: Database<string, string>,
    /** Where final blocks are kept until a checkpoint covers them. */
    readonly finals: KeptFinals | undefined,
  ) {}

  /** Opens or makes the store of one chain. Throws CorruptStateError where it holds another chain's. */
  static open(path: string, chainId: Buffer, options: { keepsFinals?: boolean } = {}): MeterStates {
    // Without the sync of LMDB's meta page a power cut may undo the newest commits, each whole, and the log gives them again. A commit
    // of 125 meters then holds the event loop for 1.8 ms instead of 4.7 ms, and takes 0.6 ms of CPU instead of 0.9 ms.
    const root = open({ path, maxDbs: 6, overlappingSync: false, noMetaSync: true })
    const about = root.openDB<string, string>({ name: 'about', encoding: 'string' })
    const known = about.get('chain')
    if (known !== undefined && known !== hex(chainId)) {
      throw new CorruptStateError(`${path} holds the states of chain ${known}, not of ${hex(chainId)}: delete it`)
    }
    const isNew = known === undefined
    if (isNew) about.putSync('chain', hex(chainId))
    if (isNew && options.keepsFinals) about.putSync('finals', 'kept')
    if (options.keepsFinals && about.get('finals') === undefined) {
      throw new CorruptStateError(`${path} was made without the final blocks that checkpoints need: delete it`)
    }
    const meters = root.openDB<Buffer, string>({ name: 'meters', encoding: 'binary' })
    const lanes = root.openDB<string, string>({ name: 'lanes', encoding: 'string' })
    return new MeterStates(root, meters, lanes, options.keepsFinals ? new KeptFinals(root) : undefined)
  }

  /** The state after the lane's final block; a meter of which nothing counts yet is new. */
  get(meter: string): MeterState {
    const found = stored(() => this.meters.get(meter))
    return found === undefined ? NEW_METER : decodeMeterState(meter, found)
  }

  /** Checks the values after key `after` (undefined: from the first on), `limit` at most, and gives the last key; undefined: that was
   *  all. A state whose key was altered fails its checksum here; by `get` its meter would look new. */
  inspect(after: string | undefined, limit: number): string | undefined {
    const range = { limit, ...(after !== undefined && { start: after, exclusiveStart: true }) }
    let last: string | undefined
    for (const { key, value } of stored(() => [...this.meters.getRange(range)])) {
      decodeMeterState(key, value)
      last = key
    }
    return last
  }

  /** Where a lane was; undefined: at its genesis. */
  position(lane: number): LanePosition | undefined {
    const found = stored(() => this.lanes.get(String(lane)))
    return found === undefined ? undefined : decodePosition(lane, found)
  }

  /** What a final block made of its meters, the place after it, and its records where they are kept: all or nothing. */
  commit(lane: number, position: LanePosition, states: ReadonlyMap<string, MeterState>, finalized?: Finalized): void {
    this.root.transactionSync(() => {
      for (const [meter, state] of states) this.meters.put(meter, encodeMeterState(meter, state))
      this.lanes.put(String(lane), encodePosition(lane, position))
      const { height, hash: block, verdictHash: verdict } = position.final
      this.finals?.keep(lane, height, { block, verdict })
      if (finalized !== undefined) this.finals?.records.keep(finalized)
    })
  }

  close(): Promise<void> {
    return this.root.close()
  }
}
