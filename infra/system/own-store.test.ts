import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { withOwnStore } from './own-store.js'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'own-store-'))
})
afterEach(() => rmSync(home, { recursive: true }))

test('commands that run at once have a store each, and the next one goes on with the first that is free', async () => {
  const seen: string[] = []
  await withOwnStore(home, 'audit', (first) =>
    withOwnStore(home, 'audit', async (second) => {
      seen.push(first, second, await withOwnStore(home, 'replay', async (other) => other))
    }),
  )
  seen.push(await withOwnStore(home, 'audit', async (again) => again))
  expect(seen).toEqual(['audit', 'audit-2', 'replay', 'audit'])
  expect(readdirSync(join(home, 'run'))).toEqual([])
})

test('one that fails gives its store back, and too many at once are told to wait', async () => {
  const nested = (left: number): Promise<string> =>
    withOwnStore(home, 'audit', (store) => (left === 0 ? Promise.resolve(store) : nested(left - 1)))
  expect(await nested(7)).toBe('audit-8')
  await expect(nested(8)).rejects.toThrow(/8 commands of one kind \(audit\) run with .* already/)
  await expect(withOwnStore(home, 'audit', () => Promise.reject(new Error('its own')))).rejects.toThrow('its own')
  expect(existsSync(join(home, 'run', 'audit-store.pid'))).toBe(false)
})
