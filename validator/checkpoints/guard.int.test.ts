/** After a loss of topic `chain` no validator without its memory votes a second history. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Authorities } from '../../infra/testing/authorities.js'
import { readCheckpoints } from '../../infra/testing/checkpoints.js'
import { until } from '../../infra/testing/until.js'

const MINUTE = 60_000
let all: Authorities
beforeAll(async () => {
  all = await Authorities.open({ lanes: 1, authorities: 1, meters: 1 }, { METERCHAIN_CHECKPOINT_MILLIS: '200' })
}, MINUTE)
afterAll(() => all.close(), MINUTE)

async function untilTopics(present: boolean): Promise<void> {
  const admin = all.kafka.admin()
  await admin.connect()
  const name = `${all.config.topicPrefix}chain`
  await until(`topic ${name}`, MINUTE, async () => (await admin.listTopics()).includes(name) === present)
  await admin.disconnect()
}

async function remakeChain(): Promise<void> {
  const admin = all.kafka.admin()
  await admin.connect()
  const topic = `${all.config.topicPrefix}chain`
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] })
  const configEntries = (resources[0]?.configEntries ?? [])
    .filter(({ isDefault }) => !isDefault)
    .map(({ configName: name, configValue: value }) => ({ name, value }))
  await admin.deleteTopics({ topics: [topic] })
  await untilTopics(false)
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }] })
  await untilTopics(true)
  await admin.disconnect()
}

test('a validator that lost its disk votes on no lane before it has reached what a checkpoint vouches for, and says what is missing', async () => {
  await all.start('chainer')
  await all.start('validator')
  const meter = all.meter('meter-1')
  await all.untilCovered(0, await all.send(0, [meter.next()]))
  const tip = await until('a checkpoint', MINUTE, async () => (await readCheckpoints(all)).log.tips.get(0))
  await all.stop('chainer')
  await all.stop('validator')
  rmSync(all.statesOf(1), { recursive: true })
  await remakeChain()

  await all.start('chainer')
  const { port } = await all.start('validator')
  await until('a candidate of another history', MINUTE, async () => (await all.read(0)).outcomes.includes('candidate'))
  const why = await until('what it waits for', MINUTE, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`)
    const text = await response.text()
    return response.status === 503 && /checkpoints cover/.test(text) && text
  })
  expect(why).toBe('not ready: checkpoints cover more than topic chain holds of lanes 0: restore it\n')
  // an honest one would have voted within a wiggle
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const { outcomes } = await all.read(0)
  expect(outcomes).not.toContain('counted')
  expect(outcomes).not.toContain('final')
  expect((await readCheckpoints(all)).log.tips.get(0)).toEqual(tip)
  expect(all.fatal).toEqual([])
}, 90_000)
