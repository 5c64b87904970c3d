/** Makes the proof of a bill from what a replica holds. */
import { equalBytes, hex } from '../bytes.js'
import { decidedEvents, type HeldCheckpoint, proveHead } from '../checkpoint/prove.js'
import { inclusionProof, leafHash, type NodeStore } from '../merkle.js'
import { ReplicaFault } from '../prove-entry.js'
import type { NotCounted, Reading } from '../records.js'
import { bodyProof, enrolmentProof } from '../registry/proofs.js'
import type { RegistryState } from '../registry/state.js'
import { billOf } from './bill.js'
import { type BillProof, type BillProofBlock, type BillReading, figuresOf } from './bill-proof-format.js'
import { aboutMonth, type Window, windowOf } from './bill-window.js'
import type { AssignmentFact, BillSources, PublishedDocument } from './places.js'

/** A reading that counts, and where it does. */
export interface HeldReading {
  readonly reading: Reading
  readonly bytes: Buffer
  readonly block: HeldBlock
  readonly entry: number
  /** To the root in the block's header. */
  readonly path: readonly Buffer[]
}

/** A final block that the checkpoint covers. */
export interface HeldBlock {
  readonly header: Buffer
  readonly registrySize: number
  readonly parentVerdict: Buffer
  readonly notCounted: readonly NotCounted[]
  /** Place of its leaf in the log of checkpoints. */
  readonly index: number
}

export interface HeldBill {
  readonly point: string
  readonly month: string
  readonly registry: RegistryState
  readonly checkpoint: HeldCheckpoint
  /** Of the log of checkpoints. */
  readonly nodes: NodeStore
  /** Of all covered blocks one that names the largest registry. */
  readonly anchor: HeldBlock
  /** Events of that registry to be shown, rising. */
  readonly events: readonly number[]
  /** All that were ever at the usage point, by id; of each its counted readings, by sequence: at least from the first to the last that
   *  is about the month. */
  readonly meters: readonly { readonly meter: string; readonly readings: readonly HeldReading[] }[]
}

/** Throws ReplicaFault. */
export function proveBill(held: HeldBill): BillProof {
  const { point, month, registry, checkpoint, anchor, meters } = held
  const blocks = new Blocks(held)
  const size = anchor.registrySize
  const named = blocks.take(anchor)
  const window = windowOf(month)
  const shown = meters.map(({ meter, readings }) => ({ meter, readings: shownOf(readings, window, blocks) }))
  const figures = figuresOf(billOf(sourcesOf(held), point, month))
  return {
    ...{ version: 1, kind: 'bill', chainId: hex(registry.chainId), point, month, ...figures },
    checkpoint: proveHead(registry, checkpoint),
    governance: decidedEvents(registry, 1, checkpoint.registrySize),
    blocks: blocks.all,
    registry: {
      block: named,
      events: held.events.map((index) => eventOf(registry, index, size)),
      enrolments: meters.map(({ meter }) => enrolmentOf(registry, meter, size)),
    },
    meters: shown,
  }
}

/** From the first to the last that is about the month. One that the next does not name has to be proved too. */
function shownOf(readings: readonly HeldReading[], window: Window, blocks: Blocks): BillReading[] {
  const about = aboutMonth(readings, window)
  const [first, last] = [readings.findIndex((each) => about.has(each)), readings.findLastIndex((each) => about.has(each))]
  return readings.slice(Math.max(first, 0), last + 1).map((each, at, shown) => {
    const next = shown[at + 1]
    const isNamed = next !== undefined && equalBytes(next.reading.previous, leafHash(each.bytes))
    return about.has(each) || !isNamed ? counted(each, blocks) : { bytes: hex(each.bytes) }
  })
}

function counted({ bytes, block, entry, path }: HeldReading, blocks: Blocks): BillReading {
  return { bytes: hex(bytes), block: blocks.take(block), index: entry, path: path.map(hex) }
}

/** Each once, in the order in which they are asked for. */
class Blocks {
  readonly all: BillProofBlock[] = []
  readonly #places = new Map<HeldBlock, number>()

  constructor(private readonly held: Pick<HeldBill, 'nodes' | 'checkpoint'>) {}

  take(block: HeldBlock): number {
    const known = this.#places.get(block)
    if (known !== undefined) return known
    const { nodes, checkpoint } = this.held
    const { header, parentVerdict, notCounted, index } = block
    const path = inclusionProof(nodes, index, checkpoint.size).map(hex)
    const place = this.all.push({
      ...{ header: hex(header), parentVerdict: hex(parentVerdict), notCounted: [...notCounted], index, path },
    })
    this.#places.set(block, place - 1)
    return place - 1
  }
}

function eventOf(registry: RegistryState, at: number, size: number) {
  const proof = bodyProof(registry, at, size)
  if (proof === undefined) throw new ReplicaFault(`registry event ${at} of ${size} is not held`)
  return { index: at, body: hex(proof.bodyBytes), path: proof.path.map(hex) }
}

function enrolmentOf(registry: RegistryState, meter: string, size: number) {
  const proof = enrolmentProof(registry, meter, size)
  if (proof === undefined) throw new ReplicaFault(`the enrolment of ${meter} is not held`)
  const { meterBytes, leafIndex, meterPath, body } = proof
  return { meter: hex(meterBytes), event: body.index, leafIndex, path: meterPath.map(hex) }
}

function sourcesOf({ registry, events, meters, anchor }: HeldBill): BillSources {
  const documents = events.flatMap((index): PublishedDocument[] => {
    const content = registry.eventAt(index)?.body.content
    return content?.kind === 'PublishTariff' ? [{ index, ...content }] : []
  })
  const assignments = meters.flatMap(({ meter }): AssignmentFact[] => {
    const facts = registry.meterAt(meter, anchor.registrySize)?.assignments ?? []
    return facts.map(({ validFrom, usagePoint, since }) => ({ index: since - 1, meter, validFrom, usagePoint }))
  })
  const readings = new Map(meters.map((each) => [each.meter, each.readings.map(({ reading }) => reading)]))
  return { documents, assignments, readings }
}
