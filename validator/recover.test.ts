import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { CorruptStateError } from '../infra/chain/checked-store.js'
import { sha256 } from '../schemas/hash.js'
import { laneGenesis } from '../schemas/lane-fold.js'
import { endLife } from './lives.js'
import { dropIfCorrupt, openStates } from './recover.js'

const logger = pino({ level: 'silent' })
const chainId = sha256(Buffer.from('one'))
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'validator-recover-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('states of another chain are thrown away, and made again from the log', async () => {
  const path = join(folder, 'states')
  const first = await openStates(path, chainId, logger)
  first.commit(0, { final: laneGenesis(chainId, 0).final, nextOffset: 7n }, new Map())
  await first.close()
  const same = await openStates(path, chainId, logger)
  expect(same.position(0)?.nextOffset).toBe(7n)
  await same.close()
  const other = await openStates(path, sha256(Buffer.from('two')), logger)
  expect(other.position(0)).toBeUndefined()
  await other.close()
})

test('a store is dropped for its own damage, and for nothing else', async () => {
  const path = join(folder, 'dropped')
  await (await openStates(path, chainId, logger)).close()
  await dropIfCorrupt(path, new Error('the broker is away'), logger)
  expect(existsSync(path)).toBe(true)
  await dropIfCorrupt(path, new CorruptStateError('a bit'), logger)
  expect(existsSync(path)).toBe(false)
})

test('a store on which life after life ended at once is thrown away, and one of which a life was sound is not', async () => {
  const path = join(folder, 'lives')
  const height = async () => {
    const states = await openStates(path, chainId, logger)
    const found = states.position(0)?.nextOffset
    states.commit(0, { final: laneGenesis(chainId, 0).final, nextOffset: 7n }, new Map())
    await states.close()
    return found
  }
  const lives = async (count: number) => {
    const seen: (bigint | undefined)[] = []
    for (let life = 0; life < count; life++) seen.push(await height())
    return seen
  }
  expect(await lives(4)).toEqual([undefined, 7n, 7n, 7n])
  endLife(path)
  expect(await lives(5)).toEqual([7n, 7n, 7n, 7n, undefined])
  expect(await lives(2)).toEqual([7n, 7n])
})
