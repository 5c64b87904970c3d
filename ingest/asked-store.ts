/** On disk: what meters are asked to send again, and how far `repairs` was read. Derived from that topic; may be deleted. */
import { type Database, open, type RootDatabase } from 'lmdb'
import type { Range } from './head.js'

export class AskedStore {
  private constructor(
    private readonly root: RootDatabase,
    private readonly ranges: Database<[number, number][], string>,
    private readonly positions: Database<string, number>,
  ) {}

  static open(path: string): AskedStore {
    const root = open({ path, maxDbs: 2 })
    return new AskedStore(root, root.openDB({ name: 'ranges' }), root.openDB({ name: 'positions' }))
  }

  /** What a meter was asked for; may hold what was filled since. */
  get(meter: string): readonly Range[] {
    return this.ranges.get(meter)?.map(([from, to]) => ({ from, to })) ?? []
  }

  /** Meters that are asked for something. Walks over them. */
  count(): number {
    return this.ranges.getKeysCount({})
  }

  /** Offset of `repairs` to read next in a partition; undefined before the first. */
  next(partition: number): bigint | undefined {
    const offset = this.positions.get(partition)
    return offset === undefined ? undefined : BigInt(offset)
  }

  /** Keeps what meters are asked for (none: nothing more), and the place in `repairs` after what asked for it, together. */
  keep(asked: ReadonlyMap<string, readonly Range[]>, repairs?: { partition: number; next: bigint }): void {
    this.root.transactionSync(() => {
      for (const [meter, ranges] of asked) {
        if (ranges.length === 0) this.ranges.removeSync(meter)
        else
          this.ranges.putSync(
            meter,
            ranges.map(({ from, to }) => [from, to]),
          )
      }
      if (repairs !== undefined) this.positions.putSync(repairs.partition, String(repairs.next))
    })
  }

  close(): Promise<void> {
    return this.root.close()
  }
}
