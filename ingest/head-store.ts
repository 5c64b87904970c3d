/** What the door keeps on disk: meter heads, where it stands in each lane and in `repairs`, and what meters are asked to send again.
 *  All of it is derived from the log; a folder that is lost is made anew by reading the chain from its start. */
import { type Database, open, type RootDatabase } from 'lmdb'
import { fromHex, hex } from '../schemas/bytes.js'
import { type MeterState, NEW_METER } from '../schemas/meter-chain.js'
import type { LanePosition } from '../infra/chain/lane-reader.js'
import type { Range } from './head.js'

/** MeterState as an array: msgpack writes names otherwise, 30 bytes for each of millions of meters. */
type StateRow = [sequence: number, hash: Buffer, reset: number, gaps: [number, number, Buffer, Buffer][]]

interface PositionRow {
  readonly height: string
  readonly hash: string
  readonly verdictHash: string
  readonly registrySize: number
  readonly sourceEpoch: number
  readonly lastOffset: string
  readonly nextOffset: string
}

const CHAIN_ID = 'chain-id'

export class HeadStore {
  private constructor(
    private readonly root: RootDatabase<string, string>,
    private readonly heads: Database<StateRow, string>,
    private readonly lanes: Database<PositionRow, number>,
    private readonly asked: Database<[number, number][], string>,
    private readonly repairs: Database<string, number>,
  ) {}

  /** Opens or creates the folder at `path`. Throws where it holds the heads of another ledger than `chainId`. */
  static open(path: string, chainId: Buffer): HeadStore {
    // A power cut may take the last blocks' heads; they are read again. A commit waits for no disk: 5 ms saved for each block.
    const root = open<string, string>({ path, maxDbs: 8, noSync: true, encoding: 'msgpack' })
    const known = root.get(CHAIN_ID)
    if (known !== undefined && known !== hex(chainId)) {
      void root.close()
      throw new Error(`${path} holds the meter heads of the ledger ${known}, this one is ${hex(chainId)}: remove that folder`)
    }
    root.putSync(CHAIN_ID, hex(chainId))
    return new HeadStore(
      root,
      root.openDB({ name: 'heads' }),
      root.openDB({ name: 'lanes' }),
      root.openDB({ name: 'asked' }),
      root.openDB({ name: 'repairs' }),
    )
  }

  head(meter: string): MeterState {
    const row = this.heads.get(meter)
    if (row === undefined) return NEW_METER
    const [sequence, hash, reset, gaps] = row
    return { sequence, hash, reset, gaps: gaps.map(([from, to, lower, upper]) => ({ from, to, lower, upper })) }
  }

  position(lane: number): LanePosition | undefined {
    const row = this.lanes.get(lane)
    if (row === undefined) return undefined
    const final = {
      height: BigInt(row.height),
      hash: fromHex(row.hash),
      verdictHash: fromHex(row.verdictHash),
      registrySize: row.registrySize,
      sourceEpoch: row.sourceEpoch,
      lastOffset: BigInt(row.lastOffset),
    }
    return { final, nextOffset: BigInt(row.nextOffset) }
  }

  /** What a meter was asked to send again; may hold ranges that were filled since. */
  askedOf(meter: string): readonly Range[] {
    return this.asked.get(meter)?.map(([from, to]) => ({ from, to })) ?? []
  }

  /** Meters that are asked for something. Walks over them. */
  countAsked(): number {
    return this.asked.getKeysCount({})
  }

  /** Offset of `repairs` to read next in a partition. */
  repairsNext(partition: number): bigint | undefined {
    const offset = this.repairs.get(partition)
    return offset === undefined ? undefined : BigInt(offset)
  }

  /** Keeps the heads that a final block changed, and where the lane goes on, together. */
  async keepBlock(lane: number, position: LanePosition, changed: ReadonlyMap<string, MeterState>): Promise<void> {
    const { final } = position
    await this.root.transaction(() => {
      for (const [meter, { sequence, hash, reset, gaps }] of changed)
        void this.heads.put(meter, [sequence, hash, reset, gaps.map(({ from, to, lower, upper }) => [from, to, lower, upper])])
      void this.lanes.put(lane, {
        height: String(final.height),
        hash: hex(final.hash),
        verdictHash: hex(final.verdictHash),
        registrySize: final.registrySize,
        sourceEpoch: final.sourceEpoch,
        lastOffset: String(final.lastOffset),
        nextOffset: String(position.nextOffset),
      })
    })
  }

  /** Keeps what meters are asked for (none: nothing more). */
  async keepAsked(asked: ReadonlyMap<string, readonly Range[]>, repairs?: { partition: number; next: bigint }): Promise<void> {
    await this.root.transaction(() => {
      for (const [meter, ranges] of asked) {
        if (ranges.length === 0) void this.asked.remove(meter)
        else void this.asked.put(meter, ranges.map(({ from, to }) => [from, to]))
      }
      if (repairs !== undefined) void this.repairs.put(repairs.partition, String(repairs.next))
    })
  }

  async close(): Promise<void> {
    await this.root.flushed
    await this.root.close()
  }
}
