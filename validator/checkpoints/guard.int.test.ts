/** After a loss of topic `chain` no validator without its memory votes a second history. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Authorities } from '../../infra/testing/authorities.js'
import { readCheckpoints } from '../../infra/testing/checkpoints.js'
import { until } from '../../infra/testing/until.js'
import { laneOf } from '../../schemas/murmur2.js'

const MINUTE = 60_000
let all: Authorities
beforeAll(async () => {
  all = await Authorities.open({ lanes: 2, authorities: 1, meters: 4 }, { METERCHAIN_CHECKPOINT_MILLIS: '200' })
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
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1, configEntries }] })
  await untilTopics(true)
  await admin.disconnect()
}

const SECOND = 'second-instance'
/** Lanes 0 and 1 are validated by instances of their own. */
const startInstances = async () => {
  const first = await all.start('validator', 1, 'validator-1', { METERCHAIN_VALIDATOR_INSTANCE: '1/2' })
  const second = await all.start('validator', 1, SECOND, { METERCHAIN_VALIDATOR_INSTANCE: '2/2' })
  return [first, second] as const
}

const whyNot = (port: number) =>
  until('what it waits for', MINUTE, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`)
    const text = await response.text()
    return response.status === 503 && /checkpoints cover/.test(text) && text
  })

test('a validator that lost its disk votes on no lane before it has reached what a checkpoint vouches for, and says what is missing, each instance of its lanes', async () => {
  await all.start('chainer')
  await startInstances()
  for (const lane of [0, 1]) {
    const id = ['meter-1', 'meter-2', 'meter-3', 'meter-4'].find((each) => laneOf(each, 2) === lane) ?? ''
    await all.untilCovered(lane, await all.send(lane, [all.meter(id).next()]))
  }
  const tips = await until('a checkpoint of both lanes', MINUTE, async () => {
    const { log } = await readCheckpoints(all)
    return log.tips.size === 2 && log.tips
  })
  await all.stop('chainer')
  for (const name of ['validator-1', SECOND]) await all.stopStage(name)
  for (const name of ['1', SECOND]) rmSync(all.statesOf(1, name), { recursive: true })
  await remakeChain()

  await all.start('chainer')
  const [first, second] = await startInstances()
  for (const lane of [0, 1])
    await until('a candidate of another history', MINUTE, async () => (await all.read(lane)).outcomes.includes('candidate'))
  const missing = (lanes: string) => `not ready: checkpoints cover more than topic chain holds of lanes ${lanes}: restore it\n`
  expect(await whyNot(first.port)).toBe(missing('0, 1'))
  expect(await whyNot(second.port)).toBe(missing('1'))
  // an honest one would have voted within a wiggle
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  for (const lane of [0, 1]) {
    const { outcomes } = await all.read(lane)
    expect(outcomes).not.toContain('counted')
    expect(outcomes).not.toContain('final')
  }
  expect((await readCheckpoints(all)).log.tips).toEqual(tips)
  expect(all.fatal).toEqual([])
}, 90_000)
