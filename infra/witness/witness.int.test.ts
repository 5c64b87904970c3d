import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { NOTE_KIND, noteOf, parseNote, signedBy } from '../../schemas/checkpoint/note.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { Authorities } from '../testing/authorities.js'
import { readCheckpoints } from '../testing/checkpoints.js'
import { testAuthorityKey } from '../testing/registry.js'
import { until } from '../testing/until.js'
import { startWitness } from './witness.js'
import { OtherLogError, WitnessStore } from './witness-store.js'

const MINUTE = 60_000
const plan = { lanes: 1, authorities: 1, meters: 1 }
const settings = { METERCHAIN_CHECKPOINT_MILLIS: '200' }
/** Two logs of one chain: what authorities do who show each its own. */
let one: Authorities
let two: Authorities
const running: { stop(): Promise<void> }[] = []

beforeAll(async () => {
  one = await Authorities.open(plan, settings)
  two = await Authorities.open(plan, settings)
  await Promise.all([one, two].flatMap((all) => [all.start('chainer'), all.start('validator')]))
}, MINUTE)
afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()))
  await Promise.all([one.close(), two.close()])
}, MINUTE)

async function witness(all: Authorities, name: string, peers: string[] = []) {
  const runtime = await all.open(name)
  const started = await startWitness({ ...runtime, key: testAuthorityKey(name), port: 0, peers, peerMillis: 100 })
  const stop = async () => {
    await started.stop()
    await runtime.stop()
  }
  const each = { ...started, folder: runtime.folder, url: `http://127.0.0.1:${started.port}`, stop: onceOnly(stop) }
  running.push(each)
  return each
}

function onceOnly(stop: () => Promise<void>): () => Promise<void> {
  let stopped: Promise<void> | undefined
  return () => (stopped ??= stop())
}

async function grow(all: Authorities, count: number): Promise<number> {
  const meter = all.meter('meter-1')
  const before = (await readCheckpoints(all)).log.size
  for (let sent = 0; sent < count; sent++) {
    const bytes = meter.next()
    await all.untilCovered(0, await all.send(0, [bytes]))
  }
  return until('a checkpoint', MINUTE, async () => {
    const { log, leaves } = await readCheckpoints(all)
    const { finals } = await all.read(0)
    return log.size > before && leaves.length === finals.length && log.size
  })
}

const shown = (url: string, size: number) =>
  until(`a head of ${size}`, MINUTE, async () => {
    const response = await fetch(`${url}/checkpoint`)
    const note = response.ok ? parseNote(await response.text()) : undefined
    return note !== undefined && note.head.size >= size && note
  })

test(
  'it signs what is final and signed by those who decide, shows it, and appends its signature',
  async () => {
    const size = await grow(one, 1)
    const { url, stop } = await witness(one, 'witness-a')
    const note = await shown(url, size)
    const { publicKey } = testAuthorityKey('witness-a')
    const made = note.lines.flatMap(
      (line) => signedBy(note, line, { name: 'witness-a', kind: NOTE_KIND.cosignature, publicKey }) ?? [],
    )
    expect(made.map(({ message, signature }) => sodiumSignatures.verify(signature, message, publicKey))).toEqual([true])
    const { cosignatures, log } = await readCheckpoints(one)
    expect(hex(note.head.root)).toBe(hex(log.head.root))
    expect(cosignatures.filter(({ authority }) => authority === 'witness-a').map((each) => Number(each.size))).toEqual([
      note.head.size,
    ])
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(`meterchain_witness_size{stage="witness"} ${note.head.size}`)
    await stop()
  },
  MINUTE,
)

test(
  'started again, it goes on from what it signed; and it has no quarrel with a witness of the same log',
  async () => {
    const a = await witness(one, 'witness-a')
    const before = a.witness.note
    expect(before).toBeDefined()
    const size = await grow(one, 1)
    await shown(a.url, size)
    const b = await witness(one, 'witness-b', [`${a.url}/checkpoint`])
    await shown(b.url, size)
    expect(b.witness.readiness()).toEqual({ ready: true })
    expect([a.witness.splits, b.witness.splits]).toEqual([[], []])
  },
  MINUTE,
)

test(
  'a split view shown to two witnesses is found, proved and no longer signed',
  async () => {
    expect(hex(one.ledger.chainId)).toBe(hex(two.ledger.chainId))
    const a = await witness(one, 'witness-c')
    await shown(a.url, 1)
    const b = await witness(two, 'witness-d', [`${a.url}/checkpoint`])
    await grow(two, 3)
    const splits = await until('the split view', MINUTE, async () => b.witness.splits.length > 0 && b.witness.splits)
    const [split] = splits
    expect(split?.source).toBe(`${a.url}/checkpoint`)
    const readyz = await fetch(`${b.url}/readyz`)
    expect([readyz.status, await readyz.text()]).toEqual([503, expect.stringMatching(/split view at size \d+, shown by http/)])
    const proof = JSON.parse(readFileSync(join(b.folder, `split-view-${split?.size}.json`), 'utf8'))
    expect(proof.rootHere).not.toBe(proof.rootThere)
    // each of the two notes is signed by the authority: nobody else could have made them
    const { publicKey } = testAuthorityKey('authority-1')
    for (const text of [proof.here, proof.there]) {
      const note = parseNote(text)
      const held = note?.lines.some((line) => {
        const made = signedBy(note, line, { name: proof.origin, kind: NOTE_KIND.log, publicKey })
        return made !== undefined && sodiumSignatures.verify(made.signature, made.message, publicKey)
      })
      expect(held).toBe(true)
    }
    const signed = b.witness.note
    await grow(two, 1)
    expect(b.witness.note).toBe(signed)
  },
  MINUTE,
)

test(
  'a witness that is shown another log than the one it signed says so',
  async () => {
    const runtime = await two.open('witness-a')
    const { chainId } = runtime.registry.state
    const signed = one.ledger.chainId.equals(chainId) && (await readCheckpoints(one)).log.head
    if (signed === false) throw new Error('one chain')
    const store = new WitnessStore(join(runtime.folder, 'log'), chainId)
    store.keepSigned({ size: 1, root: signed.root, note: 'what was signed before' })
    expect(() => new WitnessStore(join(runtime.folder, 'log'), signed.root)).toThrow(OtherLogError)
    await store.close()
    const started = await startWitness({ ...runtime, key: testAuthorityKey('witness-a'), port: 0, peers: [], peerMillis: 60_000 })
    running.push({ stop: () => started.stop().then(() => runtime.stop()) })
    await until('the split view', MINUTE, async () => started.witness.splits.length > 0)
    expect(started.witness.splits[0]?.source).toBe('what this witness signed before')
    expect(existsSync(join(runtime.folder, 'split-view-1.json'))).toBe(true)
  },
  MINUTE,
)

test(
  'what a peer shows and nobody vouches for is told, and harmless',
  async () => {
    const answers = new Map<string, [number, string]>([['/none', [404, 'not there yet\n']]])
    const server = createServer((request, response) => {
      const [status, text] = answers.get(request.url ?? '') ?? [500, 'broken']
      response.writeHead(status).end(text)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const a = await witness(one, 'witness-e')
    const note = await shown(a.url, 1)
    answers.set('/garbage', [200, 'not one'])
    answers.set('/other', [200, noteOf(note.text.replace(/^meterchain.*/, 'another log'), ['— a AAAAAAA='])])
    const text = (await (await fetch(`${a.url}/checkpoint`)).text()).replace(/\n\d+\n/, '\n999\n')
    answers.set('/unsigned', [200, text])
    const peers = ['/none', '/garbage', '/other', '/unsigned', '/broken'].map((path) => address + path)
    const b = await witness(one, 'witness-f', peers)
    const told = await until('four faults', MINUTE, async () => b.witness.peerFaults.length === 4 && b.witness.peerFaults)
    expect(told.map(({ fault }) => fault).sort()).toEqual([
      'authorities of 0 of 1 signed it, not of more than 2/3',
      'it answers 500',
      'it is no checkpoint',
      'it is of another log',
    ])
    expect(b.witness.readiness().ready).toBe(true)
    expect(b.witness.splits).toEqual([])
    await new Promise((resolve) => server.close(resolve))
  },
  MINUTE,
)
