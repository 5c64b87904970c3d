/** A folder of API keys, a file each. They are no log's and no table's: an emptied or old database must neither lose one nor bring one
 *  back that was revoked. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { API_KEY, type ApiKey } from './api-key.js'

/** Throws Error where a file of that name is there. */
export async function addKey(folder: string, key: ApiKey): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await written(folder, key, (draft, path) => link(draft, path))
}

/** Undefined where there is no such key; one that was revoked before stays revoked since then. */
export async function revokeKey(folder: string, id: string, now: Date): Promise<ApiKey | undefined> {
  const { keys } = await readKeys(folder)
  const key = keys.find((each) => each.id === id)
  if (key === undefined || key.revokedAt !== null) return key
  const revoked = { ...key, revokedAt: now.toISOString() }
  await written(folder, revoked, (draft, path) => rename(draft, path))
  return revoked
}

export interface ReadKeys {
  /** By the time at which they were made. */
  readonly keys: readonly ApiKey[]
  /** Files that are no keys, and why. */
  readonly faults: readonly { readonly path: string; readonly reason: string }[]
}

/** A folder that is not there holds none. */
export async function readKeys(folder: string): Promise<ReadKeys> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.json')).sort()
  const keys: ApiKey[] = []
  const faults: { path: string; reason: string }[] = []
  for (const name of names) {
    const path = join(folder, name)
    const parsed = API_KEY.safeParse(jsonOf(await readFile(path, 'utf8')))
    if (parsed.success) keys.push(parsed.data)
    else faults.push({ path, reason: z.prettifyError(parsed.error) })
  }
  return { keys: keys.sort((a, b) => a.madeAt.localeCompare(b.madeAt)), faults }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}

/** The file is there whole or not at all. */
async function written(folder: string, key: ApiKey, place: (draft: string, path: string) => Promise<void>): Promise<void> {
  const draft = join(folder, `.${randomBytes(6).toString('hex')}.draft`)
  try {
    await writeFile(draft, `${JSON.stringify(key, null, 2)}\n`, { flag: 'wx', mode: 0o600, flush: true })
    await place(draft, join(folder, `${key.id}.json`))
  } finally {
    await rm(draft, { force: true })
  }
}

/** `undefined` where the text is not JSON: the form's check then names what is missing. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
