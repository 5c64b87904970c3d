import { expect, test } from '@jest/globals'
import { OPEN_HEADS } from '../../infra/checkpoints/open-heads.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { TestCheckpointTopic } from '../../infra/testing/checkpoint-topic.js'
import { testRegistry } from '../../infra/testing/registry.js'
import { slowTest } from '../../infra/testing/thorough.js'
import { CheckpointFold, type CheckpointRows, noRows } from './fold.js'
import { foldRecord } from './tables.js'

const registry = testRegistry({ lanes: 1 })
const [authority] = registry.authorityKeys
if (authority === undefined) throw new Error('no authority')

async function rowsOf(topic: TestCheckpointTopic): Promise<CheckpointRows> {
  const fold = new CheckpointFold({ registry: registry.state, verify: sodiumSignatures.verify, witnesses: [] })
  const rows = noRows()
  for (const record of topic.records) await foldRecord(fold, record, rows, async () => undefined)
  return rows
}

slowTest('a checkpoint may be signed until a thousand others are final', async () => {
  const topic = new TestCheckpointTopic(registry)
  const heads = Array.from({ length: OPEN_HEADS + 1 }, () => topic.cover())
  for (const head of heads.slice(0, 3)) topic.sign(head, authority.id, authority)
  const { signatures } = await rowsOf(topic)
  expect(signatures.map(([, size]) => size)).toEqual([2, 3])
})

test('a checkpoint without a leaf, should one become final, is of the size of the one before, whose signatures count', async () => {
  const topic = new TestCheckpointTopic(registry)
  const head = topic.cover()
  topic.cover(0)
  topic.sign(head, authority.id, authority)
  const { heads, leaves, signatures } = await rowsOf(topic)
  expect(heads.map(([height, size]) => [height, size])).toEqual([
    [1n, 1],
    [2n, 1],
  ])
  expect(leaves).toHaveLength(1)
  expect(signatures).toHaveLength(1)
})

test('a leaf that comes a second time is in the tree, and makes no row', async () => {
  const topic = new TestCheckpointTopic(registry)
  topic.cover(2)
  topic.cover(1, [topic.leaf(0, 3n), topic.leaf(0, 9n), topic.leaf(0, 4n), topic.leaf(7, 1n)])
  const { leaves, heads } = await rowsOf(topic)
  expect(leaves.map(([place, lane, height]) => [place, lane, height])).toEqual([
    [0, 0, 1n],
    [1, 0, 2n],
    [2, 0, 3n],
    [5, 0, 4n],
  ])
  expect(heads.map(([, size, root]) => ({ size, root }))).toEqual(topic.heads)
})
