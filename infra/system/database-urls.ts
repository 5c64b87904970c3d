/** Where PostgreSQL is, and as whom: the user's own by settings, else the local one with passwords that were made here. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { urlOf } from '../../projector/migrate.js'
import { type Passwords, rolesOf } from '../../projector/roles.js'
import type { Config } from '../config.js'
import { postgresAdminUrl } from '../services/postgres.js'

export interface DatabaseUrls {
  /** Reads and writes schemas ledger and store. */
  readonly writer: string
  /** Reads schema analytics. */
  readonly analyst: string
}

export const DATABASE = 'meterchain'
const file = z.strictObject({ writer: z.string().min(1), analyst: z.string().min(1) })

/** The passwords of the local roles, made at the first call. Throws Error where the file is not as it was written. */
export function databasePasswords(home: string): Passwords {
  const path = join(home, 'secrets', 'database.json')
  if (!existsSync(path)) {
    const made = { writer: randomBytes(18).toString('base64url'), analyst: randomBytes(18).toString('base64url') }
    mkdirSync(join(home, 'secrets'), { recursive: true, mode: 0o700 })
    writeFileSync(path, `${JSON.stringify(made)}\n`, { mode: 0o600 })
  }
  const parsed = file.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (!parsed.success) throw new Error(`${path} is damaged: delete it, then run 'meterchain up', which sets new passwords`)
  return parsed.data
}

/** Whether PostgreSQL is the local one. */
export const isLocalDatabase = (config: Config): boolean => config.databaseUrl === ''

/** Throws Error where the local server was never started with this home. */
export function databaseUrls(config: Config): DatabaseUrls {
  if (!isLocalDatabase(config)) return { writer: config.databaseUrl, analyst: config.analystUrl }
  const { writer, analyst } = databasePasswords(config.home)
  const roles = rolesOf()
  const login = (user: string, password: string) => urlOf(postgresAdminUrl(config), DATABASE, { user, password })
  return { writer: login(roles.writer, writer), analyst: login(roles.analyst, analyst) }
}
