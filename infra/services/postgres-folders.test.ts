import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { mayEnter, postgresAccount } from './postgres-account.js'
import { clusterParent, linkLibraries, packagedServer, serverFolder, sharedDataFolder } from './postgres-folders.js'
import { DEFAULT_PORTS } from './services-config.js'

/** A package as npm unpacks it: a library under its full name, and the list of the links to it. */
function newPackage(parent: string): string {
  const native = join(mkdtempSync(join(parent, '.postgres-')), 'native')
  mkdirSync(join(native, 'lib'), { recursive: true })
  mkdirSync(join(native, 'bin'))
  writeFileSync(join(native, 'lib', 'libpq.so.5.18'), 'code')
  writeFileSync(join(native, 'bin', 'postgres'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  const targets = ['native/lib/libpq.so', 'native/lib/libpq.so.5']
  const links = targets.map((target) => ({ source: 'native/lib/libpq.so.5.18', target }))
  writeFileSync(join(native, 'pg-symlinks.json'), JSON.stringify(links))
  return native
}

test('the package for this machine is found, with its version', () => {
  const { folder, version } = packagedServer()
  expect(existsSync(join(folder, 'bin', 'postgres'))).toBe(true)
  expect(version).toMatch(/^18\./)
})

test('a package that is not installed is named, with the remedy', () => {
  expect(() => packagedServer('sparc')).toThrow('is not installed (npm ci, without --omit=optional): PostgreSQL is in it')
})

test('links to libraries are made when install scripts were skipped, and broken ones mended', () => {
  const native = newPackage(tmpdir())
  symlinkSync('nowhere', join(native, 'lib', 'libpq.so'))
  linkLibraries(native)
  linkLibraries(native) // again: they are there
  expect(readlinkSync(join(native, 'lib', 'libpq.so'))).toBe('libpq.so.5.18')
  expect(readlinkSync(join(native, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.18')
})

test('a server and data in folders closed to the account that runs it are put where it may enter', async () => {
  const account = await postgresAccount()
  if (account === undefined) return // not root: the server runs under our own account, which may enter
  const native = newPackage(homedir())
  const closed = dirname(native)
  chmodSync(closed, 0o700)
  const version = `test-${process.pid}`
  const config = { home: join(closed, 'home'), ...DEFAULT_PORTS }
  const shared = await serverFolder(account, { folder: native, version })
  const data = await clusterParent(config, account)
  try {
    expect(shared).not.toBe(native)
    expect(await mayEnter(join(shared, 'bin', 'postgres'), account)).toBe(true)
    expect(lstatSync(join(shared, 'lib', 'libpq.so')).isSymbolicLink()).toBe(true)
    expect(await serverFolder(account, { folder: native, version })).toBe(shared)
    expect(data).toBe(sharedDataFolder(config))
    expect(await mayEnter(data, account)).toBe(true)
    // opened later: the data is where it is
    mkdirSync(join(data, 'cluster'))
    expect(await clusterParent(config, undefined)).toBe(data)
  } finally {
    for (const folder of [closed, shared, data]) rmSync(folder, { recursive: true, force: true })
  }
})

test('data stays in the home folder where the account may enter', async () => {
  const home = mkdtempSync(join(tmpdir(), 'postgres-'))
  chmodSync(home, 0o755)
  expect(await clusterParent({ home, ...DEFAULT_PORTS }, await postgresAccount())).toBe(join(home, 'data', 'postgres'))
})

test('data in a home folder that was closed to the account is not replaced by an empty cluster', async () => {
  const account = await postgresAccount()
  if (account === undefined) return // not root: the account is ours
  const home = mkdtempSync(join(tmpdir(), 'postgres-')) // mode 0700
  mkdirSync(join(home, 'data', 'postgres', 'cluster'), { recursive: true })
  await expect(clusterParent({ home, ...DEFAULT_PORTS }, account)).rejects.toThrow('cannot enter')
})
