/** What a log holds beyond a replica, in the order of the log: as much as came since the replica was read, or, from an old replica, since
 *  it was one. So the values wait in a file, and only where they are is in memory. */
import { type FilePlace, NamelessFile } from '../chain/nameless-file.js'

export interface LaterRecord extends FilePlace {
  /** Of the block that it is about; undefined: it is the signature of a head. */
  readonly height: bigint | undefined
  /** Whether it came at its time, once at least. */
  isPlaced: boolean
  /** How often it was to be appended. */
  tries: number
}

export class LaterRecords {
  /** By digest. */
  private readonly records = new Map<string, LaterRecord>()
  private readonly file = new NamelessFile('records that are newer than the replica')

  /** The same once more is the same. */
  note(digest: string, height: bigint | undefined, value: Buffer, isPlaced: boolean): void {
    const known = this.records.get(digest)
    if (known === undefined) this.records.set(digest, { height, isPlaced, tries: 0, ...this.file.append(value) })
    else known.isPlaced ||= isPlaced
  }

  all(): LaterRecord[] {
    return [...this.records.values()]
  }

  value(record: LaterRecord): Buffer {
    return this.file.read(record)
  }

  close(): void {
    this.records.clear()
    this.file.clear()
  }
}
