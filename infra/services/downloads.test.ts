import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { type Download, downloadOnce, KAFKA_VERSION, packageFolder, REGISTRY_VERSION } from './downloads.js'
import { cacheFolder, DEFAULT_PORTS } from './services-config.js'

const silent = () => undefined

function newDownload(): Download & { parent: string } {
  const parent = mkdtempSync(join(tmpdir(), 'downloads-'))
  return { title: 'Thing', pom: 'thing-pom.xml', goal: [], folder: join(parent, 'thing'), parent }
}

async function bring(_download: Download, folder: string): Promise<void> {
  mkdirSync(folder)
  writeFileSync(join(folder, 'file'), 'whole')
}

test.each([
  ['kafka-pom.xml', KAFKA_VERSION],
  ['registry-pom.xml', REGISTRY_VERSION],
])('%s fetches the version %s, under which it is cached', (pom, version) => {
  expect(readFileSync(join(packageFolder(), 'infra', 'kafka-dist', pom), 'utf8')).toContain(`<version>${version}</version>`)
})

test('a folder appears when its download is complete, and is not downloaded again', async () => {
  const download = newDownload()
  expect(await downloadOnce(download, silent, bring)).toBe(download.folder)
  expect(readFileSync(join(download.folder, 'file'), 'utf8')).toBe('whole')
  expect(readdirSync(download.parent)).toEqual(['thing'])
  await downloadOnce(download, silent, () => Promise.reject(new Error('asked for a second time')))
})

test('a download that fails leaves no folder under the name, and the next one succeeds', async () => {
  const download = newDownload()
  const cutOff = async (_: Download, folder: string) => {
    mkdirSync(folder)
    throw new Error('line lost')
  }
  await expect(downloadOnce(download, silent, cutOff)).rejects.toThrow('line lost')
  expect(existsSync(download.folder)).toBe(false)
  await downloadOnce(download, silent, bring)
  expect(readdirSync(download.parent)).toEqual(['thing'])
})

test('of two downloads at a time the first to end counts, and one that still runs is not removed', async () => {
  const download = newDownload()
  const other = `${download.folder}.part-1` // process 1 always runs
  mkdirSync(other)
  const overtaken = async (_: Download, folder: string) => {
    await bring(_, folder)
    mkdirSync(download.folder)
  }
  await downloadOnce(download, silent, overtaken)
  expect(readdirSync(download.folder)).toEqual([])
  expect(readdirSync(download.parent).sort()).toEqual(['thing', 'thing.part-1'])
})

test('a program without its package says so', () => {
  expect(() => packageFolder('/')).toThrow('installed incompletely')
})

test('downloads are kept in the home folder’s cache, unless another folder is given', () => {
  const config = { home: 'here', ...DEFAULT_PORTS }
  expect(cacheFolder(config)).toBe(join(homedir(), '.cache', 'meterchain'))
  expect(cacheFolder({ ...config, cacheFolder: '/elsewhere' })).toBe('/elsewhere')
})
