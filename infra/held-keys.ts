/** The keys that an authority holds. While its key is being replaced it holds two, and the registry state that a lane's final block
 *  names says which of them signs there: lanes come to a new state one after the other. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { equalBytes } from '../schemas/bytes.js'
import type { Authority } from '../schemas/records.js'
import type { Config } from './config.js'
import { type AuthorityKey, KeyFileError, loadKeyFile } from './keys.js'
import { keyFileOf } from './stage-runtime.js'

export interface HeldKeys {
  readonly key: AuthorityKey
  /** The one that takes its place, or has taken it. */
  readonly nextKey?: AuthorityKey | undefined
}

/** Where the next key is: in the folder `next` beside the present one. */
export function nextKeyFileOf(config: Config): string {
  const present = keyFileOf(config)
  return join(dirname(present), 'next', basename(present))
}

/** The key of the configured authority and, where its file is there, the next one. Throws KeyFileError. */
export async function loadHeldKeys(config: Config): Promise<HeldKeys> {
  const key = await loadKeyFile(keyFileOf(config))
  const path = nextKeyFileOf(config)
  if (!existsSync(path)) return { key }
  const nextKey = await loadKeyFile(path)
  if (nextKey.id !== key.id) throw new KeyFileError(`${path} is a key of ${nextKey.id}, and the present key is one of ${key.id}`)
  return { key, nextKey }
}

/** Of the keys held the one that this set of authorities knows; undefined where it knows none of them. */
export function registeredKey(authorities: readonly Authority[], { key, nextKey }: HeldKeys): AuthorityKey | undefined {
  const registered = authorities.find(({ id }) => id === key.id)?.key
  if (registered === undefined) return undefined
  return [key, nextKey].find((each) => each !== undefined && equalBytes(each.publicKey, registered))
}

/** What is wrong where an authority is registered with a key that is not held here, in words for its operator. */
export function foreignKeyWarning(authorities: readonly Authority[], held: HeldKeys): string | undefined {
  const { id } = held.key
  if (!authorities.some((each) => each.id === id) || registeredKey(authorities, held) !== undefined) return undefined
  return `the registry has another key for ${id} than the key file: nothing of it counts until it has the right one`
}
