/** A file that is there only when it is whole: written beside its place under another name, synced, then renamed. */
import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Where the file is while it is being written by this process. */
export const partPath = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}.part`)

export interface Written {
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

export class PartFile {
  readonly #hash = createHash('sha256')
  #bytes = 0

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  static async create(path: string): Promise<PartFile> {
    return new PartFile(path, await open(partPath(path), 'w'))
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
    for (let at = 0; at < chunk.length; ) at += (await this.handle.write(chunk, at)).bytesWritten
  }

  /** All that was written, safe on the disk; still under its other name. */
  async close(): Promise<Written> {
    await this.handle.sync()
    await this.handle.close()
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /** Takes its place, after `close`. */
  publish = (): Promise<void> => rename(partPath(this.path), this.path)

  /** Leaves nothing. Safe after `close`. */
  async discard(): Promise<void> {
    await this.handle.close()
    await rm(partPath(this.path), { force: true })
  }
}
