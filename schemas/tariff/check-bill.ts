/** Checks the proof of a bill, with nothing in hand but the chain's genesis: makes the bill again from readings and events that are
 *  proved, and compares line by line.
 *
 *  It shows
 *  - that authorities of more than 2/3 of the weight signed a checkpoint in which every block that is used stands, with its verdict;
 *  - that every reading that is used is in such a block, counts there, and was signed by its meter's key;
 *  - that every event that is used is in the registry that the newest of these blocks names;
 *  - that of each meter no reading was left out between the first and the last that is here: their sequences follow one another, a
 *    counted reading takes its sequence for itself, and what is here without a proof that it counts says nothing of the month, and is
 *    what the reading after it names;
 *  - where all events of that registry are here, that no plan, signal, time zone, assignment or change of a key was left out;
 *  - that lines, sums and problems are what SPEC.md, section 18, makes of it.
 *
 *  It cannot show
 *  - that a meter has no readings before the first or after the last that is here, such as a correction that came later: what is
 *    measured of the month is told, and the same proof asked for later shows what came;
 *  - that blocks after the checkpoint, or events after that registry, change nothing;
 *  - that no other meter was enrolled at the usage point: an enrolment is in the registry by the root of its meters alone;
 *  - where not all events are here, that no other one says something of the plan, the zone or the meters;
 *  - what no proof here can: see ../proof.ts. */
import { equalBytes, fromHex } from '../bytes.js'
import { type CheckedAs, checkedForm } from '../check-form.js'
import { type ProvedHead, provedHead } from '../checkpoint/signed-head.js'
import type { Signatures } from '../ed25519.js'
import type { Hash } from '../hash.js'
import { blockHash, verdictHash } from '../lane-fold.js'
import { leafHash, verifyInclusion } from '../merkle.js'
import { laneOf } from '../murmur2.js'
import { chainOf } from '../proof.js'
import { decideEvents, demand, pathOf } from '../proof-registry.js'
import { readEntry } from '../reading.js'
import { decodeHeader, encodeCheckpointLeaf, type Header, type Reading, signedPart } from '../records.js'
import type { RegistryState } from '../registry/state.js'
import { signedMessage, TAGS } from '../tags.js'
import { type Bill, billOf } from './bill.js'
import { BILL_PROOF_SCHEMA, type BillProof, type BillProofBlock, type BillReading, figuresOf } from './bill-proof-format.js'
import { isAbout, registerEnds, type Window, windowOf } from './bill-window.js'
import { monthDays } from './civil.js'
import { differenceOf } from './compare-figures.js'
import { Places } from './places.js'
import { type ProvedRegistry, provedRegistry } from './proved-registry.js'
import { secondsOf } from './time-zone.js'

export interface Gap {
  readonly from: number
  readonly to: number
}

export interface ProvedMeter {
  readonly meter: string
  /** Whether it was at the usage point in the month. */
  readonly isHere: boolean
  /** Sequences of the first and last reading; undefined: there is none. */
  readonly sequences: Gap | undefined
  readonly counted: number
  readonly linked: number
  /** Sequences that are missing between them: of these nothing is shown. */
  readonly gaps: readonly Gap[]
}

export interface ProvedBill {
  readonly kind: 'bill'
  readonly chainId: Hash
  readonly network: string
  readonly bill: Bill
  readonly checkpoint: ProvedHead
  readonly registry: Pick<ProvedRegistry, 'size' | 'root' | 'isWhole' | 'events'>
  readonly blocks: number
  readonly meters: readonly ProvedMeter[]
  /** Seconds of the local month. */
  readonly monthSeconds: number
}

/** `value`: parsed JSON of anybody. `genesis`: its record as it stands in topic `registry`, from somebody you trust. */
export const checkBill = (value: unknown, genesis: Buffer, signatures: Signatures): CheckedAs<ProvedBill> =>
  checkedForm(BILL_PROOF_SCHEMA, 'a proof of a bill', value, (proof) => check(proof, genesis, signatures))

function check(proof: BillProof, genesis: Buffer, signatures: Signatures): ProvedBill {
  const { point, month } = proof
  const days = monthDays(month)
  demand(days !== undefined, `'${month}' is no month (YYYY-MM)`)
  const chain = chainOf(proof, genesis, signatures)
  decideEvents(chain, proof.governance, proof.checkpoint.registrySize)
  const checkpoint = provedHead(proof.checkpoint, chain)
  const blocks = proof.blocks.map((block, at) => provedBlock(block, at, checkpoint, chain))
  const registry = provedRegistry(proof, registryHeader(proof, blocks))
  const window = windowOf(month)
  const meters = proof.meters.map(({ meter, readings }) => provedReadings(meter, readings, { blocks, registry, chain, window }))
  const readings = new Map(meters.map(({ meter, counted }) => [meter, counted]))
  const sources = { documents: registry.documents, assignments: registry.assignments, readings }
  const bill = billOf(sources, point, month)
  const difference = differenceOf(proof, figuresOf(bill))
  demand(difference === undefined, difference ?? '')
  const places = new Places(sources, point)
  const here = places.periods.filter(({ from, to }) => from < window.to && to > window.from)
  const spans = places.spans(here[0]?.usagePoint.zone ?? 'UTC')
  return {
    ...{
      kind: 'bill',
      chainId: chain.chainId,
      network: chain.genesis.network,
      bill,
      checkpoint,
      registry,
      blocks: blocks.length,
    },
    meters: meters.map(({ counted, ...meter }) => ({
      ...{ ...meter, counted: counted.length, isHere: here.some((period) => period.meter === meter.meter) },
    })),
    monthSeconds: secondsOf(spans, days),
  }
}

interface ShownBlock {
  readonly header: Header
  readonly notCounted: ReadonlySet<number>
}

function provedBlock(block: BillProofBlock, at: number, head: ProvedHead, { lanes }: RegistryState): ShownBlock {
  const bytes = fromHex(block.header)
  const header = decodeHeader(bytes)
  demand(header !== undefined, `the header of block ${at} is not a canonical header`)
  const { lane, height } = header
  demand(lane >= 0 && lane < lanes, `there is no lane ${lane}, which block ${at} is of`)
  const verdict = verdictHash(fromHex(block.parentVerdict), block.notCounted)
  const leaf = leafHash(encodeCheckpointLeaf({ lane, height, block: blockHash(bytes), verdict }))
  const isThere = verifyInclusion(leaf, block.index, head.size, pathOf(block.path), head.root)
  demand(isThere, `block ${at} (lane ${lane}, height ${height}) is not in the checkpoint with that verdict`)
  return { header, notCounted: new Set(block.notCounted.map(({ entry }) => entry)) }
}

function registryHeader({ registry }: BillProof, blocks: readonly ShownBlock[]): Header {
  const header = blocks[registry.block]?.header
  demand(header !== undefined, `there is no block ${registry.block}, which is to name the registry`)
  const larger = blocks.findIndex(({ header: { registrySize } }) => registrySize > header.registrySize)
  demand(larger < 0, `block ${larger} names a larger registry than block ${registry.block}`)
  return header
}

interface Given {
  readonly blocks: readonly ShownBlock[]
  readonly registry: ProvedRegistry
  readonly chain: RegistryState
  readonly window: Window
}

interface Shown {
  readonly reading: Reading
  readonly leaf: Hash
  readonly isCounted: boolean
}

type ShownMeter = Omit<ProvedMeter, 'counted' | 'isHere'> & { readonly counted: readonly Reading[] }

function provedReadings(meter: string, readings: readonly BillReading[], given: Given): ShownMeter {
  const shown = readings.map((each, at) => provedReading(meter, each, at, given))
  const counted = shown.filter(({ isCounted }) => isCounted).map(({ reading }) => reading)
  const ends = registerEnds(counted, given.window)
  const gaps: Gap[] = []
  for (const [at, { reading, leaf, isCounted }] of shown.entries()) {
    const { sequence } = reading
    const next = shown[at + 1]
    if (next !== undefined) {
      const after = next.reading.sequence
      demand(after > sequence, `readings of meter ${meter} are out of order: sequence ${after} follows ${sequence}`)
      if (after > sequence + 1) gaps.push({ from: sequence + 1, to: after - 1 })
    }
    if (isCounted) continue
    const what = `reading ${sequence} of meter ${meter}`
    demand(!isAbout(reading, given.window, ends), `${what} is about the month, and it is not shown that it counts`)
    const isNamed = next !== undefined && equalBytes(next.reading.previous, leaf)
    demand(isNamed, `${what} is not the one that the reading after it names`)
  }
  const [first, last] = [shown[0], shown.at(-1)]
  const sequences = first && last && { from: first.reading.sequence, to: last.reading.sequence }
  return { meter, sequences, counted, linked: shown.length - counted.length, gaps }
}

function provedReading(meter: string, given: BillReading, at: number, { blocks, registry, chain }: Given): Shown {
  const bytes = fromHex(given.bytes)
  const read = readEntry(bytes)
  demand(read.ok, `reading ${at} of meter ${meter} is no canonical reading: ${read.ok ? '' : read.reason}`)
  const { reading, signature } = read.signed
  const what = `reading ${reading.sequence} of meter ${meter}`
  demand(reading.meter === meter, `reading ${at} of meter ${meter} is of ${reading.meter}`)
  const leaf = leafHash(bytes)
  const isCounted = 'block' in given
  const block = isCounted ? blocks[given.block] : undefined
  if (isCounted) {
    demand(block !== undefined, `there is no block ${given.block}, in which ${what} is to be`)
    const { header, notCounted } = block
    const isThere = verifyInclusion(leaf, given.index, header.count, pathOf(given.path), header.root)
    demand(isThere, `${what} is not in block ${given.block} (lane ${header.lane}, height ${header.height})`)
    demand(!notCounted.has(given.index), `${what} does not count, by the verdict of block ${given.block}`)
    demand(laneOf(meter, chain.lanes) === header.lane, `meter ${meter} is not of lane ${header.lane}`)
  }
  const key = registry.keyFor(meter, reading.sequence, block?.header.registrySize ?? registry.size)
  const message = signedMessage(TAGS.reading, chain.chainId, signedPart(bytes))
  const isSigned = key !== undefined && chain.signatures.verify(signature, message, key)
  demand(isSigned, `the signature of ${what} does not hold under the meter’s key`)
  return { reading, leaf, isCounted }
}
