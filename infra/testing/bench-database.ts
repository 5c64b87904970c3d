/** A database of a bench: on a PostgreSQL that it starts for itself, or on that of the home that is given; dropped afterwards. */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { type Migrated, migrate, urlOf, withClient } from '../../projector/migrate.js'
import { benchSettings, isOwnHome } from '../bench/settings.js'
import { tell } from '../cli/progress.js'
import { loadConfig } from '../config.js'
import { postgresAdminUrl, postgresService } from '../services/postgres.js'

const PASSWORDS = { writer: 'bench-writer', analyst: 'bench-analyst' }
const ROLES = 'meterchain_bench'

type Environment = Record<string, string | undefined>

/** Rejects with what PostgreSQL says where it cannot be started. */
export async function withPostgres<T>(env: Environment, use: (adminUrl: string) => Promise<T>): Promise<T> {
  Object.assign(env, benchSettings(env, undefined))
  const config = loadConfig(env)
  const service = postgresService(config)
  const wasRunning = service.pid !== undefined
  await service.start()
  tell(`PostgreSQL: ${service.address}`)
  try {
    return await use(postgresAdminUrl(config))
  } finally {
    if (!wasRunning) await service.stop()
    if (isOwnHome(config)) rmSync(config.home, { recursive: true, force: true })
  }
}

/** All schemas, empty. */
export async function withBenchDatabase<T>(
  adminUrl: string,
  use: (database: Migrated & { readonly adminUrl: string }) => Promise<T>,
): Promise<T> {
  const database = `bench_${randomBytes(4).toString('hex')}`
  const migrated = await migrate({ adminUrl, database, passwords: PASSWORDS, rolePrefix: ROLES })
  try {
    return await use({ ...migrated, adminUrl: urlOf(adminUrl, database) })
  } finally {
    await withClient(adminUrl, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`))
  }
}
