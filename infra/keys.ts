// An authority's key file: the one secret that a chainer or validator needs.
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { equalBytes, fromHex, hex } from '../schemas/bytes.js'
import { type AuthorityId, asAuthorityId, isAuthorityId } from '../schemas/ids.js'
import { newKeyPair, SEED_BYTES } from './crypto/sodium.js'

const HEX_32 = /^[0-9a-f]{64}$/
const keyFile = z.strictObject({
  version: z.literal(1),
  id: z.string().refine(isAuthorityId, 'not an authority id'),
  publicKey: z.string().regex(HEX_32, 'not 64 hexadecimal digits'),
  seed: z.string().regex(HEX_32, 'not 64 hexadecimal digits'),
})

/** What a key file holds, as JSON: bytes in hexadecimal. `seed` is the secret. */
export type KeyFile = z.infer<typeof keyFile>

/** An authority's key, ready to sign. */
export interface AuthorityKey {
  id: AuthorityId
  /** 32 bytes. */
  publicKey: Buffer
  /** 64 bytes, for `sign`. */
  secretKey: Buffer
}

/** A key file that cannot be made or used. The message says which, why, and what to do. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
}

/** Makes a key for the authority `id` and writes it to `path`, readable by its owner alone; folders are made as needed.
 *  The file appears complete or not at all. Throws KeyFileError where something is there already, RangeError where `id` is no id. */
export async function createKeyFile(path: string, id: string): Promise<KeyFile> {
  const seed = randomBytes(SEED_BYTES)
  const made: KeyFile = { version: 1, id: asAuthorityId(id), publicKey: hex(newKeyPair(seed).publicKey), seed: hex(seed) }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${hex(randomBytes(6))}.draft`
  try {
    await writeDurably(draft, `${JSON.stringify(made, null, 2)}\n`)
    await link(draft, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
      throw new KeyFileError(`${path} exists already: a key is never overwritten. Move it away first, or name another file.`)
    })
  } finally {
    await rm(draft, { force: true })
  }
  return made
}

/** Reads a key file. Throws KeyFileError where it is missing, open to others, or not a whole key. */
export async function loadKeyFile(path: string): Promise<AuthorityKey> {
  const { id, publicKey, seed } = parseKeyFile(path, await readPrivate(path))
  const pair = newKeyPair(fromHex(seed, SEED_BYTES))
  if (!equalBytes(pair.publicKey, fromHex(publicKey)))
    throw new KeyFileError(`${path}: the public key is not that of the seed. The file was changed: take it from a backup.`)
  return { id, ...pair }
}

async function readPrivate(path: string): Promise<string> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) {
      const found = (mode & 0o777).toString(8)
      throw new KeyFileError(`${path} holds a secret and is open to others (mode ${found}). Close it: chmod 600 ${path}`)
    }
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new KeyFileError(`${path}: no such key file. Make one with: meterchain keys create`)
  }
}

function parseKeyFile(path: string, text: string): KeyFile {
  const parsed = keyFile.safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  throw new KeyFileError(`${path} is not a key file. ${z.prettifyError(parsed.error)}`)
}

/** `undefined` where the text is not JSON: the shape's check then names what is missing. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
