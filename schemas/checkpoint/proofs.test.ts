import { describe, expect, test } from '@jest/globals'
import { sign, sodiumSignatures } from '../../infra/crypto/sodium.js'
import { TestChain } from '../../infra/testing/chain.js'
import { TestCheckpoints } from '../../infra/testing/checkpoint-proofs.js'
import { testAuthorityKey, testKeyPair } from '../../infra/testing/registry.js'
import { hex } from '../bytes.js'
import { checkProof } from '../proof.js'
import { ReplicaFault } from '../prove-entry.js'
import { checkConsistency, checkInclusion, checkMeterKey } from './check-proofs.js'
import { checkpointMessage, checkpointText, noteLine, noteOf, originOf } from './note.js'
import { type HeldCheckpoint, proveConsistency, proveHead, proveInclusion } from './prove.js'

/** Two checkpoints of four authorities, then one after a change of authorities, then one more. */
function checkpointsOfChanges(): TestCheckpoints {
  const chain = new TestChain({ authorities: 4, lanes: 2, meters: 4 })
  const checkpoints = new TestCheckpoints(chain)
  chain.send(1)
  chain.finalizeAll()
  checkpoints.cover()
  chain.finalizeAll()
  checkpoints.cover()
  const key = testAuthorityKey('authority-5').publicKey
  chain.submit({ kind: 'AddAuthority', authority: { id: 'authority-5', key, weight: 3 } })
  chain.submit({ kind: 'RemoveAuthority', authority: 'authority-1' })
  chain.submit({ kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 9, key: testKeyPair('new').publicKey })
  checkpoints.cover()
  chain.finalizeAll()
  chain.finalizeAll()
  checkpoints.cover()
  return checkpoints
}
const checkpoints = checkpointsOfChanges()
const { chain, held, nodes } = checkpoints
const { state, genesis } = chain.registry
const at = (number: number): HeldCheckpoint => {
  const found = held[number]
  if (found === undefined) throw new Error(`no checkpoint ${number}`)
  return found
}
const reason = (checked: { ok: true } | { ok: false; reason: string }) => (checked.ok ? 'it holds' : checked.reason)
const authority = (id: number) => testAuthorityKey(`authority-${id}`)

describe('entry, block, checkpoint', () => {
  const check = (value: unknown) => checkProof(value, genesis, sodiumSignatures)

  test('an entry is shown to be in a checkpoint that more than 2/3 of the weight signed', () => {
    const proof = checkpoints.entry(at(1), 0, 1n, 0)
    expect(proof.checkpoint?.governance).toEqual([])
    expect(check(proof)).toMatchObject({
      ok: true,
      proved: {
        entry: 0,
        checkpoint: {
          ...{ size: 4, root: at(1).root, index: 0 },
          signers: ['authority-1', 'authority-2', 'authority-3'],
          weight: { signed: 3, total: 4 },
        },
      },
    })
  })

  test('authorities that changed between block and checkpoint are proved by the events between them', () => {
    const proof = checkpoints.entry(at(3), 0, 1n, 0)
    expect(proof.checkpoint?.governance).toHaveLength(2)
    expect(check(proof)).toMatchObject({
      ok: true,
      proved: { checkpoint: { signers: ['authority-2', 'authority-3', 'authority-4', 'authority-5'], weight: { total: 6 } } },
    })
    const without = { ...proof, checkpoint: { ...proof.checkpoint, governance: [] } }
    expect(reason(check(without))).toBe('a signature of the checkpoint does not hold')
  })

  test('a proof without a checkpoint is one as before', () => {
    const { checkpoint: _left, ...proof } = checkpoints.entry(at(0), 1, 1n, 0)
    expect(check(proof)).toMatchObject({ ok: true, proved: { checkpoint: undefined } })
  })

  test.each<[string, (note: string) => string, string]>([
    ['no note', () => 'x', 'the checkpoint is no signed note'],
    ['another log', (note) => note.replace(/^meterchain/, 'another'), 'the checkpoint is of log another/'],
    ['an extension', (note) => note.replace('\n\n', '\nmore\n\n'), 'the checkpoint is not written as checkpoints are'],
    ['too few', (note) => note.replace(/(— .*\n)— .*\n$/, '$1'), 'signatures of the checkpoint weigh 2 of 4: not more than 2/3'],
    ['one twice', (note) => note.replace(/(— .*\n)$/, '$1$1'), 'an authority signs the checkpoint twice'],
    ['another size', (note) => note.replace('\n4\n', '\n3\n'), 'a signature of the checkpoint does not hold'],
  ])('%s under a note: refused', (_what, change, expected) => {
    const proof = checkpoints.entry(at(1), 0, 1n, 0)
    const note = change(proof.checkpoint?.note ?? '')
    expect(reason(check({ ...proof, checkpoint: { ...proof.checkpoint, note } }))).toContain(expected)
  })

  test('a leaf elsewhere, a stranger’s signature, and a registry that is none: refused', () => {
    const proof = checkpoints.entry(at(1), 0, 1n, 0)
    const changed = (changes: object) => reason(check({ ...proof, checkpoint: { ...proof.checkpoint, ...changes } }))
    expect(changed({ index: 1 })).toBe('the block is not in the checkpoint')
    expect(changed({ registrySize: 0 })).toBe('the registry of the checkpoint is smaller than that of what it covers')
    const { publicKey, secretKey } = testAuthorityKey('stranger')
    const { chainId } = state
    const line = noteLine({
      ...{ name: originOf(chainId), publicKey, timestamp: 0 },
      signature: sign(checkpointMessage(chainId, at(1), 0), secretKey),
    })
    expect(changed({ note: noteOf(checkpointText(chainId, at(1)), [line]) })).toBe('a signature of the checkpoint does not hold')
    const [event] = checkpoints.entry(at(3), 0, 1n, 0).checkpoint?.governance ?? []
    expect(changed({ governance: [event] })).toBe('governance event 2 is not among the 2 of its registry')
    expect(changed({ registrySize: 3, governance: [{ ...event, body: '00' }] })).toBe(
      'governance event 2 is not a canonical body',
    )
  })
})

describe('consistency', () => {
  const check = (value: unknown) => checkConsistency(value, genesis, sodiumSignatures)

  test('each checkpoint’s log begins with those before it', () => {
    for (const [index, older] of held.entries()) {
      for (const newer of held.slice(index)) {
        expect(check(proveConsistency(state, older, newer, nodes))).toMatchObject({
          ok: true,
          proved: {
            kind: 'consistency',
            network: 'test',
            older: { size: older.size },
            newer: { size: newer.size, root: newer.root },
          },
        })
      }
    }
  })

  test('a split view, signed by those who showed it, is found', () => {
    const other = new TestCheckpoints(chain)
    other.leaves.push(...checkpoints.leaves)
    const head = { size: 4, root: at(3).root }
    const message = checkpointMessage(state.chainId, head, 0)
    const signatures = [1, 2, 3].map((id) => {
      const { publicKey: key, secretKey } = authority(id)
      return { authority: `authority-${id}`, key, signature: sign(message, secretKey) }
    })
    const split = { ...head, registrySize: 2, signatures }
    expect(reason(check(proveConsistency(state, split, at(3), nodes)))).toBe(
      'the log of 8 does not begin with that of 4: whoever signed both showed two views',
    )
    expect(reason(check(proveConsistency(state, at(1), split, nodes)))).toMatch(/^the log of 4 does not begin with that of 4/)
  })

  test('the wrong way round, and of another chain: refused', () => {
    const proof = proveConsistency(state, at(0), at(3), nodes)
    expect(reason(check({ ...proof, older: proof.newer, newer: proof.older }))).toBe(
      'the older checkpoint names a larger registry',
    )
    expect(reason(check({ ...proof, chainId: '0'.repeat(64) }))).toMatch(/^it is of chain 0000/)
    expect(reason(check({ ...proof, more: 1 }))).toMatch(/^not of the form of a proof of consistency/)
  })
})

describe('inclusion', () => {
  const check = (value: unknown) => checkInclusion(value, genesis, sodiumSignatures)
  const leafAt = (index: number) => {
    const leaf = checkpoints.leaves[index]
    if (leaf === undefined) throw new Error(`no leaf ${index}`)
    return leaf
  }

  test('every final block that a checkpoint covers is shown to be in it', () => {
    for (const covering of held) {
      for (let index = 0; index < covering.size; index++) {
        const leaf = leafAt(index)
        const proof = proveInclusion(state, covering, nodes, { index, leaf })
        expect(check(proof)).toMatchObject({ ok: true, proved: { leaf, checkpoint: { index, size: covering.size } } })
        const verdict = hex(leaf.block)
        expect(reason(check({ ...proof, leaf: { ...proof.leaf, verdict } }))).toBe('the block is not in the checkpoint')
      }
    }
  })

  test('a replica that holds another leaf, or too few signatures, proves nothing', () => {
    expect(() => proveInclusion(state, at(1), nodes, { index: 0, leaf: leafAt(1) })).toThrow(ReplicaFault)
    expect(() => proveHead(state, { ...at(1), signatures: at(1).signatures.slice(0, 2) })).toThrow(
      'the signatures of the checkpoint of 4 weigh 2 of 4',
    )
  })
})

describe('a meter’s keys', () => {
  const check = (value: unknown) => checkMeterKey(value, genesis, sodiumSignatures)

  test('are shown as of the registry that a final block names, with the checkpoint over it', () => {
    const first = checkpoints.meterKey(at(0), 'meter-1', 0, 1n)
    expect(check(first)).toMatchObject({ ok: true, proved: { keys: [{ key: testKeyPair('meter-1').publicKey }] } })
    const checked = check(checkpoints.meterKey(at(3), 'meter-1', 1, 4n))
    expect(checked).toMatchObject({
      ok: true,
      proved: {
        ...{ kind: 'meter-key', meter: 'meter-1', lane: 1, height: 4n, registry: { size: state.size, root: state.root } },
        keys: [
          { key: testKeyPair('meter-1').publicKey, fromSequence: 0 },
          { key: testKeyPair('new').publicKey, fromSequence: 9 },
        ],
        checkpoint: { size: 8 },
      },
    })
    const { checkpoint: _left, ...without } = first
    expect(check(without)).toMatchObject({ ok: true, proved: { checkpoint: undefined } })
  })

  test('of another meter, or of none: refused', () => {
    const proof = checkpoints.meterKey(at(3), 'meter-1', 1, 4n)
    expect(reason(check({ ...proof, meter: 'meter-2' }))).toBe('meter meter-2 is not in the event of its enrolment')
    const { keys } = checkpoints.meterKey(at(3), 'meter-2', 1, 4n)
    expect(reason(check({ ...proof, keys }))).toBe('meter meter-1 is not in the event of its enrolment')
    expect(reason(check({ ...proof, keys: { ...proof.keys, rotations: keys.rotations.concat(keys.enrolment.event) } }))).toMatch(
      /changes no key of meter-1/,
    )
  })
})
