import { describe, expect, test } from '@jest/globals'
import { hex } from '../../schemas/bytes.js'
import { checkEvidence } from '../../schemas/check-evidence.js'
import { EVIDENCE_EACH, type Evidence } from '../../schemas/evidence.js'
import { evidenceFile } from '../../schemas/evidence-format.js'
import { sha256 } from '../../schemas/hash.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { TestCheckpointTopic } from '../testing/checkpoint-topic.js'
import { checkpointsWithEvidence, evidenceOf } from '../testing/evidence.js'
import { testKeyPair, testRegistry } from '../testing/registry.js'

const registry = testRegistry({ authorities: 4, lanes: 2 })
const [one, two, three] = registry.authorityKeys
if (one === undefined || two === undefined || three === undefined) throw new Error('no authorities')
const another = (name: string) => sha256(Buffer.from(name))

const told = (topic: TestCheckpointTopic) =>
  checkpointsWithEvidence(topic, registry).map(({ evidence }) =>
    evidence.map(({ kind, authority, height }) => [kind, authority, height]),
  )
const check = (evidence: Evidence) =>
  checkEvidence(JSON.parse(JSON.stringify(evidenceFile(registry.state, evidence))), registry.genesis, sodiumSignatures)

describe('what topic checkpoints holds against authorities', () => {
  test('is a rejected block, contradicting accepts before and after the certificate, and two heads of one size', () => {
    const topic = new TestCheckpointTopic(registry)
    topic.addFalse()
    expect(told(topic)).toEqual([
      [],
      [
        ['contradiction', 'authority-4', 2n],
        ['void-block', 'authority-2', 2n],
      ],
      [
        ['contradiction', 'authority-2', 2n],
        ['split-view', 'authority-1', 2n],
      ],
      [['split-view', 'authority-3', 6n]],
    ])
  })

  test('can be checked with the genesis alone, and names its records', () => {
    const topic = new TestCheckpointTopic(registry)
    topic.addFalse()
    const all = evidenceOf(topic, registry)
    for (const each of all) {
      expect(check(each)).toMatchObject({ ok: true, shown: { kind: each.kind, authority: each.authority, lane: 2 } })
      for (const { record, place } of each.originals)
        if (place !== null) expect(topic.records[Number(place.offset)]?.value).toEqual(record)
    }
    const split = all.find(({ kind }) => kind === 'split-view')
    const checked = split && check(split)
    if (!checked?.ok) throw new Error('no split view')
    expect(checked.shown.roots.map(hex)).toEqual(
      [topic.heads[0]?.root, another('another log')].map((each) => hex(each ?? another(''))),
    )
    expect(checked.shown.isProof).toBe(true)
  })
})

describe('two heads of one size are no evidence', () => {
  const nothing = (fill: (topic: TestCheckpointTopic) => void) => {
    const topic = new TestCheckpointTopic(registry)
    const first = topic.cover()
    topic.signAll(first)
    fill(topic)
    topic.cover()
    topic.cover()
    expect(told(topic)).toEqual(Array(topic.heads.length).fill([]))
  }

  test('where one signature does not hold, is of a stranger, or of a witness', () =>
    nothing((topic) => {
      const [first] = topic.heads
      if (first === undefined) throw new Error('no head')
      const other = { ...first, root: another('other') }
      topic.sign(other, one.id, testKeyPair('stranger'))
      topic.sign(other, 'stranger', testKeyPair('stranger'))
      topic.sign(other, one.id, one, 1_700_000_000)
    }))
  test('where no log has that size', () =>
    nothing((topic) => {
      for (const name of ['a', 'b']) topic.sign({ size: -1, root: another(name) }, one.id, one)
    }))
  test('where two sign one each, or both are the same', () =>
    nothing((topic) => {
      topic.sign({ size: 77, root: another('a') }, one.id, one)
      topic.sign({ size: 77, root: another('b') }, two.id, two)
      topic.sign({ size: 77, root: another('a') }, one.id, one)
    }))
  test('where the first is of none of this log and came before the certificate before the last', () =>
    nothing((topic) => {
      topic.sign({ size: 77, root: another('a') }, one.id, one)
      topic.cover()
      topic.cover()
      topic.sign({ size: 77, root: another('b') }, one.id, one)
    }))
})

test('of heads that an authority signs by the thousand four are kept from one checkpoint to the next', () => {
  const topic = new TestCheckpointTopic(registry)
  topic.cover()
  for (let size = 100; size < 140; size++)
    for (const name of ['a', 'b', 'c']) topic.sign({ size, root: another(name) }, one.id, one)
  topic.sign({ size: 100, root: another('a') }, two.id, two)
  topic.cover()
  topic.sign({ size: 100, root: another('b') }, two.id, two)
  topic.cover()
  const [, first, second] = told(topic)
  expect(first).toEqual(Array.from({ length: EVIDENCE_EACH }, (_, at) => ['split-view', one.id, BigInt(100 + at)]))
  expect(second).toEqual([['split-view', two.id, 100n]])
})
