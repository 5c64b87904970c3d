import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { hex } from '../../schemas/bytes.js'
import { SEED_BYTES } from '../crypto/sodium.js'
import type { AuthorityKey, KeyFile } from '../keys.js'

/** Writes a key that a test holds as its owner's key file, and gives the path. */
export function writeKeyFile(path: string, { id, publicKey, secretKey }: AuthorityKey): string {
  const file: KeyFile = { version: 1, id, publicKey: hex(publicKey), seed: hex(secretKey.subarray(0, SEED_BYTES)) }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify(file), { mode: 0o600 })
  return path
}
