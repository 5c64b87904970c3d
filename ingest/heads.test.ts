import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { CorruptStateError } from '../infra/chain/checked-store.js'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { applyEvent, testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { ZERO_HASH } from '../schemas/hash.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { encodeRepair } from '../schemas/records.js'
import { Heads, headOf } from './heads.js'
import { ResendBook } from './resend.js'
import { openStores, type Stores } from './stores.js'

const folder = mkdtempSync(join(tmpdir(), 'meterchain-heads-'))
afterAll(() => rmSync(folder, { recursive: true }))

const logger = pino({ level: 'silent' })
const { state, chainId, authorityKeys } = testRegistry({ meters: 3 })

function open(name: string, of = state): { stores: Stores; heads: Heads; book: ResendBook; fatal: Error[] } {
  const fatal: Error[] = []
  const stores = openStores({
    folder: join(folder, name),
    chainId: of.chainId,
    logger,
    onFatal: (error: Error) => fatal.push(error),
  })
  const book = new ResendBook(
    stores.asked,
    (meter) => headOf(stores.states, of, meter),
    () => true,
  )
  return { stores, heads: new Heads(stores.states, of, book), book, fatal }
}

/** A final block of these entries, as far as heads look at it. */
function finalBlock(height: bigint, entries: Buffer[], notCounted: { entry: number; code: number }[] = []): Finalized {
  const lane = laneOf('meter-1', 4)
  const header = {
    lane,
    height,
    previous: ZERO_HASH,
    root: ZERO_HASH,
    count: entries.length,
    sourceEpoch: 0,
    firstOffset: 0n,
    lastOffset: height,
    registrySize: state.size,
    registryRoot: state.root,
    sealedAt: 0,
    proposer: 'authority-1',
    attempt: 0,
  }
  const block = { header, headerBytes: Buffer.alloc(0), seal: Buffer.alloc(64), entries }
  const hashes = { hash: Buffer.alloc(32, Number(height)), verdictHash: Buffer.alloc(32, 9) }
  const rest = { blockBytes: Buffer.alloc(0), blockOffset: 0n, certificateOffset: 1n, timestamp: 0, votes: [], evidence: [] }
  return { lane, header, block, ...hashes, ...rest, notCounted, nextOffset: height * 2n }
}

test('a head follows final blocks, and is where it was after a restart', async () => {
  const { stores, heads } = open('follows')
  const meter = new SignedMeter('meter-1', chainId)
  const entries = Array.from({ length: 600 }, () => meter.next())
  expect(heads.answer('nobody')).toBeUndefined()
  const before = {
    meter: 'meter-1',
    lane: laneOf('meter-1', 4),
    sequence: 0,
    hash: '00'.repeat(32),
    gaps: [],
    resend: [],
    reset: null,
  }
  expect(heads.answer('meter-1')).toEqual(before)
  const uncounted = [{ entry: 298, code: 5 }]
  expect(await heads.apply(finalBlock(1n, entries.slice(0, 300), uncounted))).toBe(0)
  const gap = { from: 299, to: 299 }
  const leaf = (index: number) => leafHash(entries[index] ?? Buffer.alloc(0)).toString('hex')
  expect(heads.answer('meter-1')).toEqual({ ...before, sequence: 300, hash: leaf(299), gaps: [gap], resend: [gap] })
  await stores.close()
  const again = open('follows')
  const position = again.stores.states.position(laneOf('meter-1', 4))
  expect(position).toMatchObject({ nextOffset: 2n, final: { height: 1n, lastOffset: 1n, registrySize: state.size } })
  const rest = [entries[298] ?? Buffer.alloc(0), ...entries.slice(300)]
  expect(await again.heads.apply(finalBlock(2n, rest))).toBe(0)
  expect(again.heads.answer('meter-1')).toMatchObject({ sequence: 600, hash: leaf(599), gaps: [], resend: [] })
  expect(await again.heads.apply(finalBlock(3n, entries.slice(0, 1)))).toBe(1)
  await again.stores.close()
})

test('a reset in the registry shows in the head at once, with how far the meter counts before it', async () => {
  const { stores, heads } = open('reset')
  const previous = Buffer.alloc(32, 3)
  applyEvent(state, { kind: 'ResetMeter', meter: 'meter-2', sequence: 50, previous }, authorityKeys)
  const before = { sequence: 0, hash: '00'.repeat(32), gaps: [] }
  const pending = { sequence: 50, previous: previous.toString('hex'), before }
  expect(heads.answer('meter-2')).toMatchObject({ sequence: 49, hash: pending.previous, gaps: [], reset: pending })
  await stores.close()
})

test('a reset ends what was asked for before it, though the meter has sent nothing since', async () => {
  const { stores, heads, book } = open('reset-asks')
  const meter = new SignedMeter('meter-3', chainId)
  const [first = Buffer.alloc(0), , third = Buffer.alloc(0)] = [meter.next(), meter.next(), meter.next()]
  await heads.apply(finalBlock(1n, [first, third]))
  const asks = { kind: 'resend', status: 'requested', subject: 'meter-3', range: null } as const
  const repair = encodeRepair({ id: 'r', lane: 0, fault: 'gap', by: 'v', at: 0, tookMillis: null, detail: '', ...asks })
  book.takeRepairs(0, [{ offset: 0n, timestamp: 0, key: null, value: repair }])
  expect(book.tell(['meter-3'])).toEqual([{ meter: 'meter-3', from: 2, to: 2 }])
  applyEvent(state, { kind: 'ResetMeter', meter: 'meter-3', sequence: 9, previous: Buffer.alloc(32) }, authorityKeys)
  expect(book.tell(['meter-3'])).toEqual([])
  expect(heads.answer('meter-3')?.resend).toEqual([])
  await stores.close()
})

test('heads of another ledger are thrown away; altered ones too, and the process ends', async () => {
  const first = open('other')
  await first.heads.apply(finalBlock(1n, [new SignedMeter('meter-1', chainId).next()]))
  await first.stores.close()
  const other = testRegistry({ meters: 1, authorities: 2 })
  const second = open('other', other.state)
  expect(second.heads.answer('meter-1')).toMatchObject({ sequence: 0 })
  const error = new CorruptStateError('checksum')
  second.stores.onFatal(new Error('something else'))
  second.stores.onFatal(error)
  expect(second.fatal.map((each) => each.message)).toEqual(['something else', 'checksum'])
  await second.stores.close()
  const third = open('other')
  expect(third.heads.answer('meter-1')).toMatchObject({ sequence: 0 })
  await third.stores.close()
})
