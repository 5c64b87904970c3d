// A small ledger with a bill in it, always the same: final blocks of one lane, a checkpoint over them, and what a replica would hold.
import { CheckpointLog } from '../../../schemas/checkpoint/log.js'
import { checkpointMessage } from '../../../schemas/checkpoint/note.js'
import { type Hash, ZERO_HASH } from '../../../schemas/hash.js'
import { blockHash, laneGenesis, verdictHash } from '../../../schemas/lane-fold.js'
import { inclusionProof, leafHash, MemoryNodeStore, merkleRoot, treeOf } from '../../../schemas/merkle.js'
import { readEntry } from '../../../schemas/reading.js'
import {
  type EventContent,
  encodeCheckpointLeaf,
  encodeHeader,
  type NotCounted,
  type Reading,
  type UsagePoint,
} from '../../../schemas/records.js'
import { dateOf, dayOfDate } from '../../../schemas/tariff/civil.js'
import type { HeldBill, HeldBlock, HeldReading } from '../../../schemas/tariff/prove-bill.js'
import { sign } from '../../crypto/sodium.js'
import { testKeyPair } from '../registry.js'
import { SignedMeter } from '../signed-meters.js'
import { A, genesisOf, VectorRegistry } from './registry.js'

const LANES = 1
const SEALED_AT = 1_770_000_000_000
export const OBIS = Buffer.from([1, 0, 1, 8, 0, 255])
export const secondsAt = (text: string): number => Date.parse(text) / 1000

export class BillVectorChain {
  readonly registry = new VectorRegistry()
  readonly #meters = new Map<string, SignedMeter>()
  readonly #held = new Map<string, HeldReading[]>()
  readonly #nodes = new MemoryNodeStore()
  readonly #log = new CheckpointLog(this.#nodes, LANES)
  #waiting: Buffer[] = []
  #final: { height: bigint; hash: Hash; verdictHash: Hash }
  #anchor: HeldBlock | undefined

  constructor() {
    this.registry.add('the genesis', genesisOf(LANES), A)
    const { height, hash } = laneGenesis(this.registry.state.chainId, 0).final
    this.#final = { height, hash, verdictHash: ZERO_HASH }
  }

  get genesis(): Buffer {
    return this.registry.records[0]?.value ?? Buffer.alloc(0)
  }

  add = (name: string, content: EventContent, signers: readonly string[] = A): void => this.registry.add(name, content, signers)

  enrol(meters: readonly { readonly meter: string; readonly usagePoint: UsagePoint }[]): void {
    const enrolled = meters.map((each) => ({ ...each, signer: 'device' as const, key: testKeyPair(each.meter).publicKey }))
    this.registry.enrol(`enrols ${meters.map(({ meter }) => meter).join(', ')}`, enrolled)
    for (const { meter } of meters) this.#meters.set(meter, new SignedMeter(meter, this.registry.state.chainId))
  }

  publish(plan: string, validFrom: string, document: object): void {
    const content = { plan, validFrom: secondsAt(validFrom), document: JSON.stringify(document) }
    this.add(`publishes ${plan} from ${validFrom}`, { kind: 'PublishTariff', ...content })
  }

  assign(meter: string, validFrom: string, usagePoint: UsagePoint): void {
    this.add(`assigns ${meter}`, { kind: 'AssignUsagePoint', meter, validFrom: secondsAt(validFrom), usagePoint }, A.slice(0, 1))
  }

  /** The meter's next reading waits for the next block. `skipped`: so many sequences are given away before it. */
  send(meter: string, changes: Partial<Reading>, skipped = 0): void {
    const signed = this.#meters.get(meter)
    if (signed === undefined) throw new Error(`${meter} is not enrolled`)
    signed.sequence += skipped
    this.#waiting.push(signed.next({ profiles: [], ...changes }))
  }

  /** The next final block, of all that waits; `notCounted` of it do not count. */
  seal(notCounted: NotCounted[] = []): void {
    const { size: registrySize, root: registryRoot } = this.registry.state
    const entries = this.#waiting
    this.#waiting = []
    const height = this.#final.height + 1n
    const header = encodeHeader({
      ...{ lane: 0, height, previous: this.#final.hash, root: merkleRoot(entries.map(leafHash)), count: entries.length },
      ...{ sourceEpoch: 0, firstOffset: height, lastOffset: height, registrySize, registryRoot },
      ...{ sealedAt: SEALED_AT + Number(height) * 1_000, proposer: 'authority-1', attempt: 0 },
    })
    const parentVerdict = this.#final.verdictHash
    const index = this.#log.size
    this.#final = { height, hash: blockHash(header), verdictHash: verdictHash(parentVerdict, notCounted) }
    this.#log.take([encodeCheckpointLeaf({ lane: 0, height, block: this.#final.hash, verdict: this.#final.verdictHash })])
    const block = { header, registrySize, parentVerdict, notCounted, index }
    this.#anchor = block
    const tree = treeOf(entries.map(leafHash))
    for (const [entry, bytes] of entries.entries()) {
      if (notCounted.some((each) => each.entry === entry)) continue
      const read = readEntry(bytes)
      if (!read.ok) throw new Error(read.reason)
      const { reading } = read.signed
      const path = inclusionProof(tree, entry, entries.length)
      this.#held.set(reading.meter, [...(this.#held.get(reading.meter) ?? []), { reading, bytes, block, entry, path }])
    }
  }

  /** Proved from: all readings of the meters, all events of the registry or these. */
  held(point: string, month: string, meters: readonly string[], events?: readonly number[]): HeldBill {
    const { state } = this.registry
    const { head } = this.#log
    const message = checkpointMessage(state.chainId, head, 0)
    const signatures = A.slice(0, 3).map((authority) => {
      const { publicKey: key, secretKey } = testKeyPair(authority)
      return { authority, key, signature: sign(message, secretKey) }
    })
    if (this.#anchor === undefined) throw new Error('there is no block')
    return {
      ...{ point, month, registry: state, checkpoint: { ...head, registrySize: state.size, signatures }, nodes: this.#nodes },
      anchor: this.#anchor,
      events: events ?? Array.from({ length: this.#anchor.registrySize }, (_, index) => index),
      meters: meters.map((meter) => ({ meter, readings: this.#held.get(meter) ?? [] })),
    }
  }
}

const MONEY = { version: 1, currency: 'EUR', decimals: 2, priceScaler: -4, standing: 1_500 } as const
export const DAY_NIGHT = {
  ...{ ...MONEY, kind: 'interval-plan', measures: '1-0:1.8.0*255', holidays: ['2026-03-08'], signal: false },
  zones: [
    { name: 'day', price: 3_127 },
    { name: 'night', price: 1_951 },
  ],
  schedule: [
    { zone: 1, holidays: true },
    { zone: 1, hours: { from: '22:00', to: '06:00' } },
  ],
} as const
export const DIALS = {
  ...{ ...MONEY, kind: 'register-plan' },
  zones: [1, 2].map((n) => ({ name: `dial ${n}`, price: 2_000 + n, register: `1-0:1.8.${n}*255` })),
} as const
/** Summer time of Central Europe in 2026. */
const BERLIN = {
  version: 1,
  kind: 'time-zone',
  offset: 3_600,
  transitions: [
    [1_774_746_000, 7_200],
    [1_792_890_000, 3_600],
  ],
} as const

export const usagePoint = (id: string, plan: string): UsagePoint => ({ id, zone: 'Europe/Berlin', feeder: '', region: '', plan })
const MARCH = dayOfDate('2026-03-01') ?? 0

/** March 2026 at one usage point, whose meter is exchanged on the 16th, and whose plan changes on the 20th; with a correction in May. Six
 *  hours are an interval, a day is a reading: all in UTC, so months and nights cut through intervals' hours. */
export function billChain(): BillVectorChain {
  const chain = new BillVectorChain()
  chain.publish('Europe/Berlin', '2000-01-01T00:00Z', BERLIN)
  chain.publish('day and night', '2026-01-01T00:00Z', DAY_NIGHT)
  chain.enrol([
    { meter: 'old', usagePoint: usagePoint('point', 'day and night') },
    { meter: 'other', usagePoint: usagePoint('elsewhere', 'day and night') },
  ])
  chain.enrol([{ meter: 'new', usagePoint: usagePoint('store room', 'dials') }])
  chain.assign('old', '2026-03-16T09:00Z', usagePoint('scrap', 'none'))
  chain.assign('new', '2026-03-16T09:00Z', usagePoint('point', 'day and night'))
  chain.seal()
  chain.publish('day and night', '2026-03-20T00:00Z', { ...DAY_NIGHT, decimals: 3, schedule: [{ zone: 1, days: '67' }] })
  for (let day = MARCH - 3; day < MARCH + 18; day++) sendDay(chain, 'old', day)
  for (let day = MARCH + 14; day < MARCH + 34; day++) {
    sendDay(chain, 'new', day)
    if (day % 7 === 0) chain.seal()
  }
  // another meter's, one whose signature does not hold, and one that comes again do not count
  sendDay(chain, 'other', MARCH)
  chain.seal()
  for (let day = MARCH + 34; day < MARCH + 40; day++) sendDay(chain, 'new', day)
  chain.send('new', { profiles: [sixHours(MARCH + 20, [7, 8, 9, 10])], revises: 7 })
  chain.seal()
  return chain
}

export const sixHours = (day: number, values: number[]) => ({
  ...{ obis: OBIS, unit: 30, scaler: 0, start: day * 86_400, step: 21_600, values, quality: [{ code: 8, count: values.length }] },
})

function sendDay(chain: BillVectorChain, meter: string, day: number): void {
  const { day: ofMonth } = dateOf(day)
  const values = [1, 2, 3, 4].map((n) => 1_000 * n + 37 * ofMonth + meter.length)
  chain.send(meter, { profiles: [{ ...sixHours(day, values), quality: [] }] })
}
