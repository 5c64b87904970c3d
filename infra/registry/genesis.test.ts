import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { testAuthorityKey, testGenesis, testRegistry } from '../testing/registry.js'
import { assembleGenesis, checkedGenesis, createGenesis, genesisBody, loadGenesis, saveGenesis, signGenesis } from './genesis.js'
import { EventRefusedError } from './registry-writer.js'

const plan = { network: 'n', lanes: 2, consensus: 'pos', createdAt: 1 } as const
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'genesis-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a genesis in a file is all that an offline check needs', async () => {
  const path = join(folder, 'genesis.json')
  const value = testGenesis({ authorities: 3 })
  await saveGenesis(path, value)
  const { chainId } = testRegistry({ authorities: 3 })
  expect(await loadGenesis(path)).toMatchObject({ value, chainId })
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ network: 'test', lanes: 4, chainId: hex(chainId) })
})

test('a file that is no genesis, or was changed, is refused by name', async () => {
  const path = join(folder, 'genesis.json')
  await saveGenesis(path, testGenesis())
  const text = await readFile(path, 'utf8')
  const { chainId, event } = JSON.parse(text) as { chainId: string; event: string }
  const changes = [
    'no JSON',
    '{}',
    text.replace(chainId, chainId.replaceAll(/./g, '0')),
    text.replace(event, event.slice(2)),
    text.replace(event, 'x'),
  ]
  for (const changed of changes) {
    await writeFile(path, changed)
    await expect(loadGenesis(path)).rejects.toThrow(/genesis\.json is not a genesis file: /)
  }
})

test('founders may sign one by one, in any order', () => {
  const founders = ['b', 'a'].map((id) => testAuthorityKey(id))
  const authorities = founders.map(({ id, publicKey }) => ({ id, key: publicKey, weight: 2 }))
  const bodyBytes = genesisBody(plan, authorities)
  const signatures = founders.map((founder) => signGenesis(bodyBytes, founder))
  const { event } = checkedGenesis(assembleGenesis(bodyBytes, signatures))
  expect(event.body.content).toMatchObject({ authorities: [{ id: 'a' }, { id: 'b' }], predecessor: '' })
  expect(() => checkedGenesis(assembleGenesis(bodyBytes, signatures.slice(1)))).toThrow(EventRefusedError)
})

test('a genesis that breaks the rules is not made', () => {
  expect(() => createGenesis({ ...plan, lanes: 0, authorities: [{ ...testAuthorityKey('a'), weight: 1 }] })).toThrow(
    /bad-genesis/,
  )
  const valid = createGenesis({ ...plan, predecessor: 'text\n', authorities: [{ ...testAuthorityKey('a'), weight: 1 }] })
  expect(checkedGenesis(valid).event.body.content).toMatchObject({ predecessor: 'text\n', lanes: 2 })
})
