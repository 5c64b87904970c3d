/** The bytes of a file, unpacked where the content says gzip, whatever the file is called. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b])

/** Ends with the error of whichever breaks: the file, or what unpacks it. */
export async function unpacked(path: string): Promise<Readable> {
  const isPacked = await isGzip(path)
  const file = createReadStream(path)
  if (!isPacked) return file
  // the unpacker ends with the error of either, so whoever reads it is told
  return pipeline(file, createGunzip(), () => undefined)
}

/** The first bytes, unpacked: up to `length`. */
export async function firstBytes(path: string, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of await unpacked(path)) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= length) break
  }
  return Buffer.concat(chunks).subarray(0, length)
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(GZIP_MAGIC.length), 0, GZIP_MAGIC.length, 0)
    return bytesRead === GZIP_MAGIC.length && buffer.equals(GZIP_MAGIC)
  } finally {
    await file.close()
  }
}
