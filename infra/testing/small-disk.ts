/** A disk so small that it can be filled: a tmpfs with a tablespace of the test's PostgreSQL on it. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { testAdminUrl } from './postgres.js'

const SIZE = '64m'

export interface SmallDisk {
  readonly tablespace: string
  /** Leaves so many bytes. */
  fill(left: number): void
  makeRoom(): void
  /** The databases on it are gone by then. */
  remove(): Promise<void>
}

/** Why there can be none here; undefined: it can. */
export function noSmallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const refused = mount(folder)
  if (refused === undefined) unmount(folder)
  rmSync(folder, { recursive: true })
  return refused
}

function mount(folder: string): string | undefined {
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder], {
    encoding: 'utf8',
  })
  return status === 0 ? undefined : `no tmpfs can be mounted: ${(error?.message ?? stderr).trim()}`
}

const unmount = (folder: string): void => void spawnSync('umount', [folder])

export async function makeSmallDisk(): Promise<SmallDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  chmodSync(folder, 0o755) // PostgreSQL's account is to enter it
  const refused = mount(folder)
  if (refused !== undefined) throw new Error(refused)
  const tablespace = `meterchain_test_${randomBytes(6).toString('hex')}`
  const inside = join(folder, 'tablespace')
  const ballast = join(folder, 'ballast')
  mkdirSync(inside, { mode: 0o700 })
  await asAdmin(async (admin) => {
    const { rows } = await admin.query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`)
    const { uid, gid } = statSync(rows[0]?.folder ?? '')
    chownSync(inside, uid, gid)
    await admin.query(`CREATE TABLESPACE ${tablespace} LOCATION '${inside}'`)
  })
  return {
    tablespace,
    fill: (left) => {
      const { bavail, bsize } = statfsSync(folder)
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - left)))
    },
    makeRoom: () => rmSync(ballast, { force: true }),
    remove: async () => {
      await asAdmin((admin) => admin.query(`DROP TABLESPACE ${tablespace}`))
      unmount(folder)
      rmSync(folder, { recursive: true })
    },
  }
}

async function asAdmin(use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: testAdminUrl() })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}
