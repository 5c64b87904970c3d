/** The authorities whose chainer and validator run with this home: those whose keys are here. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { createKeyFile } from '../keys.js'

export const keyPath = (home: string, id: string): string => join(home, 'keys', `${id}.json`)

/** Ids of `count` founders: the configured one, or, where there are more, authority-1, authority-2, … */
export function founderIds(config: Pick<Config, 'authority'>, count: number): string[] {
  if (count === 1) return [config.authority]
  return Array.from({ length: count }, (_, index) => `authority-${index + 1}`)
}

/** Makes the keys that are missing. */
export async function ensureKeys(home: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) if (!existsSync(keyPath(home, id))) await createKeyFile(keyPath(home, id), id)
}

/** Ids of the keys in this home, rising. */
export function localAuthorities(home: string): string[] {
  const folder = join(home, 'keys')
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return files.map((name) => name.slice(0, -'.json'.length)).sort()
}
