import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { open } from 'lmdb'
import { sha256 } from '../../schemas/hash.js'
import { laneGenesis } from '../../schemas/lane-fold.js'
import { LIMITS } from '../../schemas/limits.js'
import { type MeterState, NEW_METER } from '../../schemas/meter-chain.js'
import { flipBit } from '../testing/chain.js'
import { cases } from '../testing/thorough.js'
import { CorruptStateError } from './checked-store.js'
import { inspectStates } from './inspect-states.js'
import { decodeMeterState, encodeMeterState, MeterStates } from './meter-states.js'

const chainId = sha256(Buffer.from('chain'))
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const number = fc.nat({ max: LIMITS.long })
const gap = fc.record({ from: number, to: number, lower: hash, upper: hash })
const state: fc.Arbitrary<MeterState> = fc.record({
  ...{ sequence: number, hash, reset: number },
  gaps: fc.array(gap, { maxLength: LIMITS.gapsPerMeter }),
})

describe('a meter’s state in bytes', () => {
  test('is read as it was written', () =>
    fc.assert(
      fc.property(state, (each) => expect(decodeMeterState('m', encodeMeterState('m', each))).toEqual(each)),
      cases(100),
    ))

  test('with any bit changed, cut short, or under another meter is not taken', () =>
    fc.assert(
      fc.property(state, fc.nat(), (each, bit) => {
        const bytes = encodeMeterState('m', each)
        const damaged = flipBit(bytes, bit % (bytes.length * 8))
        for (const [meter, value] of [
          ['m', damaged],
          ['n', bytes],
          ['m', bytes.subarray(0, bit % bytes.length)],
        ] as const)
          expect(() => decodeMeterState(meter, value)).toThrow(CorruptStateError)
      }),
      cases(100),
    ))
})

describe('a store of states', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'meter-states-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const position = {
    final: { ...laneGenesis(chainId, 2).final, height: 2n ** 60n, lastOffset: 2n ** 61n, verdictHash: sha256() },
    nextOffset: 2n ** 62n,
  }
  const one = { sequence: 7, hash: sha256(), gaps: [], reset: 3 }

  test('holds what was committed, also after it was closed', async () => {
    const path = join(folder, 'kept')
    const states = MeterStates.open(path, chainId)
    expect([states.get('m'), states.position(2)]).toEqual([NEW_METER, undefined])
    states.commit(2, position, new Map([['m', one]]))
    expect([states.get('m'), states.position(2), states.position(1)]).toEqual([one, position, undefined])
    await states.close()
    const again = MeterStates.open(path, chainId)
    expect([again.get('m'), again.position(2)]).toEqual([one, position])
    await again.close()
    expect(() => MeterStates.open(path, sha256())).toThrow(/holds the states of chain .*: delete it/)
  })

  test.each([
    ['meters', 'binary', 'm', (states: MeterStates) => states.get('m')],
    ['lanes', 'string', '2', (states: MeterStates) => states.position(2)],
  ] as const)('whose %s were altered says so', async (name, encoding, key, look) => {
    const path = join(folder, name)
    const states = MeterStates.open(path, chainId)
    states.commit(2, position, new Map([['m', one]]))
    await states.close()
    const root = open({ path, maxDbs: 3 })
    const raw = root.openDB<Buffer | string, string>({ name, encoding })
    const value = raw.get(key) ?? ''
    const bytes = Buffer.from(value)
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    raw.putSync(key, encoding === 'string' ? bytes.toString() : bytes)
    await root.close()
    const again = MeterStates.open(path, chainId)
    expect(() => look(again)).toThrow(CorruptStateError)
    await again.close()
  })

  test('that is closed cannot be read', async () => {
    const states = MeterStates.open(join(folder, 'closed'), chainId)
    await states.close()
    expect(() => states.get('m')).toThrow(CorruptStateError)
  })

  test('whose keys were altered is found by looking at all: by its own name the meter would be new', async () => {
    const path = join(folder, 'keys')
    const states = MeterStates.open(path, chainId)
    const many = new Map(Array.from({ length: 2_500 }, (_, index) => [`meter-${index}`, one]))
    states.commit(2, position, many)
    await inspectStates(states, new AbortController().signal)
    await states.close()
    const file = join(path, 'data.mdb')
    const bytes = readFileSync(file)
    const name = Buffer.from('meter-2222')
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1))
      bytes.writeUInt8(bytes.readUInt8(at + 9) ^ 1, at + 9)
    writeFileSync(file, bytes)
    const again = MeterStates.open(path, chainId)
    expect(again.get('meter-2222')).toEqual(NEW_METER)
    await expect(inspectStates(again, new AbortController().signal)).rejects.toThrow(CorruptStateError)
    await inspectStates(again, AbortSignal.abort())
    await again.close()
  })
})
