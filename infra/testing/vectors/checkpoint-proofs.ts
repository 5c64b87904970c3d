// Proofs of inclusion and of consistency as files, with the notes in them: those that hold, and such as do not by one rule each.
import { checkConsistency, checkInclusion } from '../../../schemas/checkpoint/check-proofs.js'
import { CheckpointLog } from '../../../schemas/checkpoint/log.js'
import { checkpointMessage, checkpointText, noteLine, noteOf, originOf } from '../../../schemas/checkpoint/note.js'
import type { ConsistencyProof, InclusionProof } from '../../../schemas/checkpoint/proof-formats.js'
import { type HeldCheckpoint, proveConsistency, proveInclusion } from '../../../schemas/checkpoint/prove.js'
import { sha256 } from '../../../schemas/hash.js'
import { MemoryNodeStore } from '../../../schemas/merkle.js'
import { type CheckpointLeaf, encodeCheckpointLeaf } from '../../../schemas/records.js'
import { sign, sodiumSignatures } from '../../crypto/sodium.js'
import { testKeyPair } from '../registry.js'
import { grown, LANES } from './evidence.js'
import { A } from './registry.js'

const hash = (text: string) => sha256(Buffer.from(text))
const FIVE = [...A, 'authority-5']

/** Three checkpoints of seven leaves in all: of four authorities, of five, and of five under proof of stake. */
function madeCheckpoints() {
  const { state, records } = grown()
  const nodes = new MemoryNodeStore()
  const log = new CheckpointLog(nodes, LANES)
  const leaves: CheckpointLeaf[] = Array.from({ length: 7 }, (_, at) => ({
    ...{
      lane: at % LANES,
      height: BigInt(1 + Math.floor(at / LANES)),
      block: hash(`block ${at}`),
      verdict: hash(`verdict ${at}`),
    },
  }))
  const held = [
    [3, 1, A],
    [4, 3, FIVE],
    [7, 4, FIVE],
  ] as const
  const checkpoints = held.map(([size, registrySize, signers]): HeldCheckpoint => {
    log.take(leaves.slice(log.size, size).map(encodeCheckpointLeaf))
    return { ...log.head, registrySize, signatures: signers.map((id) => signed(id, log.head)) }
  })
  function signed(authority: string, head: { size: number; root: Buffer }, key = testKeyPair(authority)) {
    const signature = sign(checkpointMessage(state.chainId, head, 0), key.secretKey)
    return { authority, key: key.publicKey, signature }
  }
  return { state, genesis: records[0]?.value ?? Buffer.alloc(0), nodes, leaves, checkpoints, signed }
}

const reversed = (note: string) => note.replace(/(— .*\n)(— .*\n)/, '$2$1')

export function checkpointProofVectors() {
  const { state, genesis, nodes, leaves, checkpoints, signed } = madeCheckpoints()
  const [first, second, third] = checkpoints
  const [leaf] = leaves.slice(5)
  if (first === undefined || second === undefined || third === undefined || leaf === undefined)
    throw new Error('three checkpoints')
  const inclusion = (held: HeldCheckpoint, index: number) =>
    proveInclusion(state, held, nodes, { index, leaf: leaves[index] ?? leaf })
  const consistency = (older: HeldCheckpoint, newer: HeldCheckpoint) => proveConsistency(state, older, newer, nodes)
  const good = inclusion(third, 5)
  const grew = consistency(first, third)
  const name = originOf(state.chainId)
  const text = (head: HeldCheckpoint = third) => checkpointText(state.chainId, head)
  const lineOf = (id: string, head: HeldCheckpoint = third, key = testKeyPair(id)) => {
    const { signature } = signed(id, head, key)
    return noteLine({ name, publicKey: key.publicKey, signature, timestamp: 0 })
  }
  const lines = FIVE.map((id) => lineOf(id))
  const witness = noteLine({
    name: 'witness.example/one',
    publicKey: testKeyPair('spare').publicKey,
    signature: Buffer.alloc(64),
    timestamp: 9,
  })
  /** The same proof with another note. */
  const noted = (note: string): InclusionProof => ({ ...good, checkpoint: { ...good.checkpoint, note } })
  const rewritten = (change: (note: string) => string) => noted(change(good.checkpoint.note))
  const leafed = (changes: object): object => ({ ...good, leaf: { ...good.leaf, ...changes } })
  const split: HeldCheckpoint = {
    ...first,
    root: hash('another log'),
    signatures: A.map((id) => signed(id, { ...first, root: hash('another log') })),
  }
  const [added, staked] = good.governance
  const inclusions: [string, object][] = [
    ...leaves.map((_, index): [string, object] => [`leaf ${index}`, inclusion(third, index)]),
    ['the first leaf in the first checkpoint', inclusion(first, 0)],
    ['in a checkpoint of one authority more', inclusion(second, 3)],
    ['all lines', noted(noteOf(text(), lines))],
    ['lines in another order', rewritten(reversed)],
    ['hexadecimal in capitals', { ...good, path: good.path.map((each) => each.toUpperCase()) }],
    ['a field too many', { ...good, more: 1 }],
    ['a field too few', { ...good, governance: undefined }],
    ['a field too many in the leaf', leafed({ size: 7 })],
    ['another version', { ...good, version: 2 }],
    ['another kind', { ...good, kind: 'consistency' }],
    ['another chain', { ...good, chainId: 'ab'.repeat(32) }],
    ['another lane', leafed({ lane: 0 })],
    ['a lane that no leaf can name', leafed({ lane: 2 ** 40 })],
    ['another height', leafed({ height: 4 })],
    ['another block', leafed({ block: 'ab'.repeat(32) })],
    ['another verdict', leafed({ verdict: 'ab'.repeat(32) })],
    ['a block of 31 bytes', leafed({ block: 'ab'.repeat(31) })],
    ['another place', { ...good, index: 4 }],
    ['a place beyond the log', { ...good, index: 7 }],
    ['a place before the log', { ...good, index: -1 }],
    ['a path that is cut off', { ...good, path: good.path.slice(0, -1) }],
    ['a path with more behind it', { ...good, path: [...good.path, 'ab'.repeat(32)] }],
    ['the checkpoint of another size', { ...inclusion(second, 3), leaf: good.leaf, index: 3, path: good.path }],
    ['a registry size of nothing', { ...good, checkpoint: { ...good.checkpoint, registrySize: 0 }, governance: [] }],
    ['an event beyond the registry size', { ...good, checkpoint: { ...good.checkpoint, registrySize: 3 } }],
    ['without the event that made a signer', { ...noted(noteOf(text(), lines.slice(1))), governance: [staked] }],
    ['events out of order', { ...good, governance: [staked, added] }],
    ['a note that is none', noted('x')],
    ['a note without lines', noted(`${text()}\n`)],
    ['a note without its last line’s end', rewritten((note) => note.slice(0, -1))],
    ['a note with a line more', rewritten((note) => `${note}\n`)],
    ['another origin', rewritten((note) => note.replace('meterchain/', 'meterchain2/'))],
    ['a size with a zero before it', rewritten((note) => note.replace('\n7\n', '\n07\n'))],
    ['another size in the note', rewritten((note) => note.replace('\n7\n', '\n6\n'))],
    ['a root without padding', rewritten((note) => note.replace('=\n\n', '\n\n'))],
    ['a line of the text more', rewritten((note) => note.replace('\n\n', '\nmore\n\n'))],
    ['a hyphen for a dash', rewritten((note) => note.replace('— ', '- '))],
    ['another key hash', rewritten((note) => note.replace(/(— \S+ )...../, '$1AAAAA'))],
    ['another name', rewritten((note) => note.replace('— meterchain/', '— meterchain2/'))],
    ['lines of less than 2/3', noted(noteOf(text(), lines.slice(0, 3)))],
    ['a line twice', noted(noteOf(text(), [...lines.slice(0, 4), ...lines.slice(0, 1)]))],
    ['a line of a stranger', noted(noteOf(text(), [...lines, lineOf('outsider')]))],
    ['a line of a witness', noted(noteOf(text(), [...lines, witness]))],
    ['a line signed over another head', noted(noteOf(text(), [...lines.slice(0, 4), lineOf('authority-5', second)]))],
    [
      'a line signed with another key',
      noted(noteOf(text(), [...lines.slice(0, 4), lineOf('authority-5', third, testKeyPair('spare'))])),
    ],
  ]
  const consistencies: [string, ConsistencyProof | object][] = [
    ['the first and the second', consistency(first, second)],
    ['the first and the third', grew],
    ['the second and the third', consistency(second, third)],
    ['one and the same', consistency(third, third)],
    ['a field too many', { ...grew, more: 1 }],
    ['another kind', { ...grew, kind: 'inclusion' }],
    ['another chain', { ...grew, chainId: 'ab'.repeat(32) }],
    ['the newer one first', { ...grew, older: grew.newer, newer: grew.older }],
    ['the older one under a larger registry', { ...consistency(first, second), older: { ...grew.older, registrySize: 4 } }],
    ['a path that is cut off', { ...grew, path: grew.path.slice(0, -1) }],
    ['a path with more behind it', { ...grew, path: [...grew.path, 'ab'.repeat(32)] }],
    ['no path', { ...grew, path: [] }],
    ['another path', { ...grew, path: grew.path.map(() => 'ab'.repeat(32)) }],
    ['a split view', consistency(split, third)],
    ['two heads of one size', consistency(split, first)],
    ['without an event, which no file can show', { ...grew, governance: grew.governance.slice(1) }],
    ['a note of less than 2/3', { ...grew, older: { ...grew.older, note: noteOf(text(first), [lineOf('authority-1', first)]) } }],
  ]
  return {
    genesis,
    inclusion: inclusions.map(([name, file]) => ({ name, file, holds: checkInclusion(file, genesis, sodiumSignatures).ok })),
    consistency: consistencies.map(([name, file]) => ({
      name,
      file,
      holds: checkConsistency(file, genesis, sodiumSignatures).ok,
    })),
  }
}
