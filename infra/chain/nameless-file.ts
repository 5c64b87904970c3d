/** Bytes that do not fit into the memory set aside, in a file without a name: it is gone with whoever has it open, also after a crash. */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BugError, TransientError } from '../../schemas/errors.js'

export interface FilePlace {
  readonly position: number
  readonly length: number
}

export class NamelessFile {
  #file: number | undefined
  #bytes = 0

  /** `what` waits in it, for people. */
  constructor(
    private readonly what: string,
    private readonly folder = tmpdir(),
  ) {}

  /** Throws TransientError where the disk does not take it. */
  append(bytes: Buffer): FilePlace {
    try {
      this.#file ??= open(this.folder)
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#file, bytes, done, bytes.length - done, this.#bytes + done)
    } catch (cause) {
      throw new TransientError(`${this.what} wait in a file in ${this.folder}, which cannot be written: ${String(cause)}`, {
        cause,
      })
    }
    const place = { position: this.#bytes, length: bytes.length }
    this.#bytes += bytes.length
    return place
  }

  read({ position, length }: FilePlace): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length; ) {
      const read = this.#file === undefined ? 0 : readSync(this.#file, bytes, done, length - done, position + done)
      if (read === 0) throw new BugError(`the file in which ${this.what} wait is shorter than what was written`)
      done += read
    }
    return bytes
  }

  /** What was in it is gone. */
  clear(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.#bytes = 0
  }
}

function open(folder: string): number {
  const path = join(folder, `meterchain-waiting-${randomUUID()}`)
  const file = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  return file
}
