import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { hex } from '../../schemas/bytes.js'
import { checkEvidence } from '../../schemas/check-evidence.js'
import type { LaneTips } from '../../schemas/checkpoint/log.js'
import { PeakStore } from '../../schemas/checkpoint/peaks.js'
import { EVIDENCE_EACH } from '../../schemas/evidence.js'
import { evidenceFile } from '../../schemas/evidence-format.js'
import { sha256 } from '../../schemas/hash.js'
import type { Finalized } from '../chain/lane-reader.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { type SealedCheckpoint, TestCheckpointTopic } from '../testing/checkpoint-topic.js'
import { testRegistry } from '../testing/registry.js'
import { cases, isThorough } from '../testing/thorough.js'
import { CheckpointLane, type CheckpointStart } from './checkpoint-lane.js'
import { type OpenHead, signerKey } from './open-heads.js'

const registry = testRegistry({ authorities: 4, lanes: 1 })
const keys = registry.authorityKeys
/** Each fold of a log looks at the same signatures. */
const known = new Map<string, boolean>()
function verify(signature: Buffer, message: Buffer, key: Buffer): boolean {
  const name = `${hex(signature)} ${hex(message)} ${hex(key)}`
  const found = known.get(name) ?? sodiumSignatures.verify(signature, message, key)
  known.set(name, found)
  return found
}
const options = { registry: registry.state, verify, witnesses: [] }

const step = fc.record({
  act: fc.constantFrom(
    'cover',
    'cover',
    'cover',
    'signAll',
    'own',
    'other',
    'other',
    'other',
    'seal',
    'accept',
    'accept',
    'reject',
    'again',
  ),
  who: fc.nat(3),
  /** Which size, block or record. */
  which: fc.nat(3),
  name: fc.constantFrom('a', 'b'),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A topic in which anybody signs anything. */
function topicOf(steps: readonly Step[]): TestCheckpointTopic {
  const topic = new TestCheckpointTopic(registry)
  const blocks: SealedCheckpoint[] = []
  for (const { act, who, which, name } of steps) {
    const key = keys[who]
    const head = topic.heads.at(-1 - which)
    const block = blocks.at(-1 - which)
    if (key === undefined) throw new Error('four authorities')
    if (act === 'cover') {
      topic.cover()
      if (topic.newest !== undefined) blocks.push(topic.newest)
    } else if (act === 'signAll') topic.signAll(head ?? topic.cover())
    else if (act === 'own') topic.sign(head ?? topic.cover(), key.id, key)
    else if (act === 'other') topic.sign({ size: topic.heads.length + which - 1, root: sha256(Buffer.from(name)) }, key.id, key)
    else if (act === 'seal') {
      const sealed = topic.seal(key.id, [Buffer.from(name)])
      for (const { id } of keys.slice(which)) topic.vote(sealed, id, { kind: 'reject', fault: 32, detail: '' })
      blocks.push(sealed)
    } else if (act === 'again') topic.append(topic.records.at(-1 - which)?.value ?? Buffer.from('none'))
    else if (block === undefined) topic.append(Buffer.from('garbage'))
    else if (act === 'accept') topic.accept(block, key.id, name === 'a' ? [] : [{ entry: 0, code: 1 }])
    else topic.vote(block, key.id, { kind: 'reject', fault: 32, detail: '' })
  }
  return topic
}

/** Folds the records from a start on; `starts`: one for each final block, as the tables would give it. */
function foldFrom(topic: TestCheckpointTopic, start?: CheckpointStart, peaks?: PeakStore['peaks']) {
  const nodes = new PeakStore(peaks)
  const lane = new CheckpointLane(options, nodes, start)
  const open: OpenHead[] = (start?.open ?? []).map((head) => ({ ...head, signatures: new Map(head.signatures) }))
  const finals: Finalized[] = []
  const starts: { start: CheckpointStart; peaks: PeakStore['peaks'] }[] = []
  let tips: LaneTips = start?.tips ?? new Map()
  for (const record of topic.records.slice(Number(start?.position?.nextOffset ?? 0n))) {
    const { signature, finalized } = lane.take(record)
    if (signature !== undefined)
      open.find(({ size }) => size === signature.size)?.signatures.set(signerKey(signature.kind, signature.name), signature)
    if (finalized === undefined) continue
    const { head, leaves } = lane.settle(finalized)
    tips = new Map([...tips, ...leaves.map((leaf) => [leaf.lane, leaf] as const)])
    if (open.every(({ size }) => size !== head.size))
      open.push({ ...head, registrySize: finalized.header.registrySize, signatures: new Map() })
    finals.push(finalized)
    starts.push({ start: startAfter(finalized, head.size, tips, open), peaks: [...nodes.peaks] })
  }
  return { finals, starts }
}

function startAfter(finalized: Finalized, size: number, tips: LaneTips, open: readonly OpenHead[]): CheckpointStart {
  const { header, hash, verdictHash, nextOffset } = finalized
  const { height, registrySize, sourceEpoch, lastOffset } = header
  return {
    position: { final: { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset }, nextOffset },
    ...{ size, tips, open: open.map((head) => ({ ...head, signatures: new Map(head.signatures) })) },
  }
}

test('whatever is signed, evidence holds with the genesis alone, is bounded, and is the same from the final block before any other on', () => {
  const seen = { 'void-block': 0, contradiction: 0, 'split-view': 0 }
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 60, size: 'max' }), (steps) => {
      const topic = topicOf(steps)
      const { finals, starts } = foldFrom(topic)
      for (const { evidence } of finals)
        for (const each of evidence) {
          seen[each.kind]++
          const file = JSON.parse(JSON.stringify(evidenceFile(registry.state, each)))
          expect(checkEvidence(file, registry.genesis, sodiumSignatures)).toMatchObject({ ok: true })
          const same = evidence.filter(({ kind, authority }) => kind === each.kind && authority === each.authority)
          expect(same.length).toBeLessThanOrEqual(EVIDENCE_EACH)
        }
      for (const [at, { start, peaks }] of starts.entries())
        expect(foldFrom(topic, start, peaks).finals.slice(1)).toEqual(finals.slice(at + 2))
    }),
    cases(25, 3),
  )
  if (isThorough) for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5)
})
