import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { sign, sodiumSignatures } from './crypto/sodium.js'
import { createKeyFile, loadKeyFile } from './keys.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meterchain-keys-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function changed(change: (file: Record<string, unknown>) => unknown): Promise<string> {
  const path = join(folder, 'changed.json')
  const file: Record<string, unknown> = { ...(await createKeyFile(path, 'a')) }
  await writeFile(path, JSON.stringify(change(file)))
  return path
}

describe('a key file', () => {
  test('gives back the key that it was made with, and the key signs', async () => {
    const path = join(folder, 'deep/er/alpha.json')
    const made = await createKeyFile(path, 'grid-alpha')
    const key = await loadKeyFile(path)
    expect(key.id).toBe('grid-alpha')
    expect(key.publicKey.toString('hex')).toBe(made.publicKey)
    const message = Buffer.from('a block')
    expect(sodiumSignatures.verify(sign(message, key.secretKey), message, key.publicKey)).toBe(true)
  })

  test('is readable by its owner alone, and nothing else is left beside it', async () => {
    const path = join(folder, 'alpha.json')
    await createKeyFile(path, 'alpha')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['alpha.json'])
  })

  test('is never overwritten', async () => {
    const path = join(folder, 'alpha.json')
    await createKeyFile(path, 'alpha')
    const before = await readFile(path, 'utf8')
    await expect(createKeyFile(path, 'alpha')).rejects.toThrow(/exists already/)
    expect(await readFile(path, 'utf8')).toBe(before)
    expect(await readdir(folder)).toEqual(['alpha.json'])
  })

  test('is not made for what is no authority id, or where no file can be', async () => {
    await expect(createKeyFile(join(folder, 'x.json'), 'not an id')).rejects.toThrow(/authority id/)
    await writeFile(join(folder, 'file'), '')
    await expect(createKeyFile(join(folder, 'file/x.json'), 'x')).rejects.toThrow(/ENOTDIR|EEXIST/)
    await expect(createKeyFile(`${folder}/`, 'x')).rejects.toThrow()
  })

  test('open to others is refused with the command that closes it', async () => {
    const path = join(folder, 'alpha.json')
    await createKeyFile(path, 'alpha')
    await chmod(path, 0o640)
    await expect(loadKeyFile(path)).rejects.toThrow(`(mode 640). Close it: chmod 600 ${path}`)
  })

  test('missing, or a folder, says so', async () => {
    await expect(loadKeyFile(join(folder, 'none.json'))).rejects.toThrow(/no such key file/)
    await chmod(folder, 0o700)
    await expect(loadKeyFile(folder)).rejects.toThrow(/EISDIR/)
  })

  test.each<[string, (file: Record<string, unknown>) => unknown, RegExp]>([
    ['another version', (file) => ({ ...file, version: 2 }), /version/],
    ['a bad id', (file) => ({ ...file, id: ' ' }), /not an authority id/],
    ['a short seed', (file) => ({ ...file, seed: 'ab' }), /seed/],
    ['a field too many', (file) => ({ ...file, more: 1 }), /more/],
    ['no object', () => 'text', /expected object/],
    ['another public key', (file) => ({ ...file, publicKey: '00'.repeat(32) }), /not that of the seed/],
  ])('with %s is refused', async (_, change, message) => {
    await expect(loadKeyFile(await changed(change))).rejects.toThrow(message)
  })

  test('cut short is refused', async () => {
    const path = join(folder, 'cut.json')
    await writeFile(path, '{"version":1,', { mode: 0o600 })
    await expect(loadKeyFile(path)).rejects.toThrow(/not a key file/)
  })
})
