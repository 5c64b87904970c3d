// Hashes, signatures, turns and a meter’s own chain, each with all that goes in.
import { turnOrder } from '../../../schemas/consensus/turns.js'
import { sha256, ZERO_HASH } from '../../../schemas/hash.js'
import { blockHash, laneGenesisHash, sealMessage, verdictHash, voteMessage } from '../../../schemas/lane-fold.js'
import { leafHash } from '../../../schemas/merkle.js'
import { advance, applyReset, type MeterState, NEW_METER } from '../../../schemas/meter-chain.js'
import { chainIdOf, genesisMessage } from '../../../schemas/registry/genesis-rules.js'
import { eventMessage } from '../../../schemas/registry/signers.js'
import { signedMessage, TAGS } from '../../../schemas/tags.js'
import { sign } from '../../crypto/sodium.js'
import { linked } from '../linked-readings.js'
import { testKeyPair } from '../registry.js'
import { recordVectors } from './records.js'

const chainId = sha256(Buffer.from('chain id of the vectors'))
const KEYS = [1, 2, 3, 4, 5].map((n) => `authority-${n}`)
const METERS = Array.from({ length: 24 }, (_, index) => `meter-${index + 1}`)

export const keyVectors = () =>
  [...KEYS, ...METERS, 'spare', 'outsider'].map((name) => {
    const { secretKey, publicKey } = testKeyPair(name)
    return { name, seed: secretKey.subarray(0, 32), publicKey }
  })

function bytesOf(record: string, name: string): Buffer {
  const found = recordVectors().find((each) => each.record === record && each.name === name)
  if (found === undefined) throw new Error(`no vector ${record}: ${name}`)
  return found.bytes
}

export function hashVectors() {
  const entry = bytesOf('SignedReading', 'an entry')
  const header = bytesOf('Header', 'a block of two entries')
  const body = bytesOf('EventBody', 'Genesis')
  const verdicts = [
    [],
    [
      { entry: 0, code: 1 },
      { entry: 700, code: 7 },
    ],
  ]
  return {
    leaf: [
      { entry, hash: leafHash(entry) },
      { entry: Buffer.alloc(0), hash: leafHash(Buffer.alloc(0)) },
    ],
    block: [{ header, hash: blockHash(header) }],
    verdict: verdicts.map((notCounted) => {
      const parent = notCounted.length === 0 ? ZERO_HASH : sha256(Buffer.from('parent'))
      return { parent, notCounted, hash: verdictHash(parent, notCounted) }
    }),
    laneGenesis: [0, 1, 1023].map((lane) => ({ chainId, lane, hash: laneGenesisHash(chainId, lane) })),
    chainId: [{ body, hash: chainIdOf(body) }],
  }
}

export function signatureVectors() {
  const reading = bytesOf('Reading', 'an hour of quarter-hours')
  const header = bytesOf('Header', 'a block of two entries')
  const vote = bytesOf('Vote', 'accept')
  const event = bytesOf('EventBody', 'EnrolMeters')
  const genesis = bytesOf('EventBody', 'Genesis')
  const cases = [
    ['reading', 'meter-1', reading, signedMessage(TAGS.reading, chainId, reading)],
    ['block-seal', 'authority-1', header, sealMessage(chainId, header)],
    ['vote', 'authority-2', vote, voteMessage(chainId, vote)],
    ['registry', 'authority-1', event, eventMessage(chainId, event)],
    ['genesis', 'authority-1', genesis, genesisMessage(genesis)],
  ] as const
  return cases.map(([tag, key, bytes, message]) => {
    const signature = sign(message, testKeyPair(key).secretKey)
    return { tag, chainId: tag === 'genesis' ? ZERO_HASH : chainId, key, bytes, message, signature }
  })
}

export function turnVectors() {
  const sets = [[1], [1, 1, 1, 1], [5, 0, 3, 2], [1_000_000_000, 999_999_999, 1, 250_000_000, 7]]
  const places = [
    ...Array.from({ length: 12 }, (_, height) => ({ lane: height % 3, height })),
    { lane: 1023, height: 4_503_599_627_370_495 },
  ]
  return sets.flatMap((weights) => turnsOf(weights, places))
}

/** The orders by either consensus. */
export function turnsOf(weights: readonly number[], places: readonly { lane: number; height: number }[]) {
  const hash = sha256(Buffer.from('governance event'))
  return (['poa', 'pos'] as const).map((consensus) => {
    const authorities = weights.map((weight, index) => ({ id: `authority-${index + 1}`, weight }))
    const turns = places.map(({ lane, height }) => {
      return { lane, height, order: turnOrder({ consensus, authorities, hash }, { chainId, lane, height: BigInt(height) }) }
    })
    return { consensus, chainId, governance: hash, authorities, turns }
  })
}

/** A message by its sequence, one of another branch, or a reset. */
export type ChainStep = number | { forged: number } | { reset: number; since: number }

export function meterChainVectors() {
  const runs: [string, ChainStep[]][] = [
    ['in order, and each once', [1, 2, 3, 2, 1, 4]],
    ['a gap that is filled from its lower border', [1, 5, 4, 3, 2, 2, 3, 4, 5, 6]],
    ['a gap before the first', [3, 2, 1, 2, 4]],
    ['another branch in a gap', [1, 4, { forged: 2 }, 2, { forged: 3 }, 3, 4]],
    ['a gap of one reading', [1, 3, { forged: 2 }, 2]],
    ['nine gaps: the first is given up', [2, 4, 6, 8, 10, 12, 14, 16, 18, 1, 3, 17, 5]],
    ['a reset gives gaps up', [1, 4, { reset: 20, since: 5 }, 20, 2, 5, 22, { reset: 20, since: 5 }, 21]],
    ['a reset within what counts, and an older one', [1, 2, 3, { reset: 3, since: 5 }, { reset: 9, since: 4 }, 4]],
    ['a reset at the next sequence', [1, 2, { reset: 3, since: 5 }, 3]],
  ]
  return runs.map(([name, steps]) => meterChainOf(name, steps))
}

/** What becomes of the steps, one after the other; sequences up to 40. */
export function meterChainOf(name: string, steps: readonly ChainStep[]) {
  const links = linked(40)
  const other = linked(40, ' of another branch')
  let state: MeterState = NEW_METER
  const taken = steps.map((step) => {
    if (typeof step === 'object' && 'reset' in step) {
      const reset = { sequence: step.reset, previous: links[step.reset - 2]?.leaf ?? ZERO_HASH, since: step.since }
      state = applyReset(state, reset)
      return { reset, state }
    }
    const [sequence, branch] = typeof step === 'number' ? [step, links] : [step.forged, other]
    const link = branch[sequence - 1]
    if (link === undefined) throw new Error(`no message ${sequence}`)
    const { ok, ...rest } = advance(state, sequence, link.previous, link.leaf)
    if ('state' in rest) state = rest.state
    return { ...link, result: 'fault' in rest ? rest.fault : ok && 'counted', state }
  })
  return { name, steps: taken }
}
