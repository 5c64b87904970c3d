/** A disk so small that it can be filled: a tmpfs, which only root can mount. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { testAdminUrl } from './postgres.js'

export interface SmallDisk {
  readonly folder: string
  /** Leaves so many bytes. */
  fill(left: number): void
  makeRoom(): void
  remove(): void
}

/** Why there can be none here; undefined: it can. */
export function noSmallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const refused = mount(folder, 1)
  if (refused === undefined) unmount(folder)
  rmSync(folder, { recursive: true })
  return refused
}

function mount(folder: string, mebibytes: number): string | undefined {
  const args = ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder]
  const { status, stderr, error } = spawnSync('mount', args, { encoding: 'utf8' })
  return status === 0 ? undefined : `no tmpfs can be mounted: ${(error?.message ?? stderr).trim()}`
}

function unmount(folder: string): void {
  const { status, stderr, error } = spawnSync('umount', [folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${folder} cannot be unmounted: ${(error?.message ?? stderr).trim()}`)
}

/** A disk of its own for a folder. It takes memory only for what is on it. */
export interface ResizableDisk {
  /** Nothing more goes onto it. */
  fill(): void
  makeRoom(): void
  /** What was on it is gone. */
  unmount(): void
}

/** How often what is on it may grow while it is measured. */
const RESIZED = 10

/** The folder is made where it is not there. Throws Error where nothing can be mounted. */
export function mountResizableDisk(folder: string, mebibytes: number): ResizableDisk {
  mkdirSync(folder, { recursive: true })
  const refused = mount(folder, mebibytes)
  if (refused !== undefined) throw new Error(refused)
  chmodSync(folder, 0o755)
  const resize = (kibibytes: number) =>
    spawnSync('mount', ['-o', `remount,size=${kibibytes}k`, folder], { encoding: 'utf8' }).status === 0
  const used = () => {
    const { blocks, bfree, bsize } = statfsSync(folder)
    return Math.ceil(((blocks - bfree) * bsize) / 1024)
  }
  return {
    fill: () => {
      // none is so small that it would not hold what is on it by then
      if (!Array.from({ length: RESIZED }).some(() => resize(used()))) throw new Error(`${folder} cannot be made smaller`)
    },
    makeRoom: () => {
      if (!resize(mebibytes * 1024)) throw new Error(`${folder} cannot be made larger`)
    },
    unmount: () => unmount(folder),
  }
}

export function mountSmallDisk(mebibytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const refused = mount(folder, mebibytes)
  if (refused !== undefined) throw new Error(refused)
  chmodSync(folder, 0o755) // PostgreSQL's account is to enter it
  const ballast = join(folder, 'ballast')
  return {
    folder,
    fill: (left) => {
      const { bavail, bsize } = statfsSync(folder)
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - left)))
    },
    makeRoom: () => rmSync(ballast, { force: true }),
    remove: () => {
      unmount(folder)
      rmSync(folder, { recursive: true })
    },
  }
}

export interface Tablespace {
  readonly name: string
  /** The databases in it are gone by then. */
  drop(): Promise<void>
}

/** On that disk, of the test's PostgreSQL. */
export async function createTablespace({ folder }: SmallDisk): Promise<Tablespace> {
  const name = `meterchain_test_${randomBytes(6).toString('hex')}`
  const inside = join(folder, name)
  mkdirSync(inside, { mode: 0o700 })
  await asAdmin(async (admin) => {
    const { rows } = await admin.query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`)
    const { uid, gid } = statSync(rows[0]?.folder ?? '')
    chownSync(inside, uid, gid)
    await admin.query(`CREATE TABLESPACE ${name} LOCATION '${inside}'`)
  })
  return { name, drop: () => asAdmin((admin) => admin.query(`DROP TABLESPACE ${name}`)) }
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
