import { expect, test } from '@jest/globals'
import pino from 'pino'
import type { Repair } from '../../schemas/records.js'
import { faultOfDamage, type LogFault } from '../kafka/log-fault.js'
import { RestoreRequests, restoreId, topicOfId } from './requests.js'

const fault = (from: number, changes: Partial<LogFault> = {}): LogFault => ({
  ...{ topic: 'chain', partition: 2, fault: 'records-lost', from: BigInt(from), detail: 'gone' },
  ...changes,
})

function requests(by: string, failures = 0) {
  const told: Repair[] = []
  let left = failures
  const tell = async (event: Repair) => {
    if (left-- > 0) throw new Error('the broker is away')
    told.push(event)
  }
  return { told, requests: new RestoreRequests({ by, tell, logger: pino({ level: 'silent' }) }) }
}

test('all authorities that miss the same records tell under one id', async () => {
  const damage = { topic: 'chain', partition: 2, from: 7n, to: 9n, reason: 'checksum' } as const
  const told = await Promise.all(
    ['a', 'b'].map(async (by) => {
      const each = requests(by)
      await each.requests.found(faultOfDamage(damage))
      return each.told
    }),
  )
  expect(told.flat().map(({ id, by }) => [id, by])).toEqual([
    ['restore/chain/2/records-damaged/7', 'a'],
    ['restore/chain/2/records-damaged/7', 'b'],
  ])
  expect(told.flat()[0]).toMatchObject({
    ...{ kind: 'restore', lane: 2, subject: 'topic chain', fault: 'records-damaged', status: 'requested' },
    detail: 'offsets 7 to 8 cannot be read: checksum',
  })
})

test('each is told once, few in all, and none of a topic that no replica has', async () => {
  const { told, requests: mine } = requests('a')
  await mine.found(fault(1, { topic: 'readings' }))
  for (let i = 0; i < 1_000; i++) await mine.found(fault(i % 500))
  await mine.settled()
  expect(told).toHaveLength(50)
  expect(new Set(told.map(({ id }) => id)).size).toBe(50)
})

test('what could not be told is news when it is found again', async () => {
  const { told, requests: mine } = requests('a', 1)
  await mine.found(fault(1, { topic: 'checkpoints', partition: 0 }))
  expect(told).toEqual([])
  expect(mine.isNews(fault(1, { topic: 'checkpoints', partition: 0 }))).toBe(true)
  await mine.found(fault(1, { topic: 'checkpoints', partition: 0 }))
  expect(told).toMatchObject([{ lane: -1, subject: 'topic checkpoints' }])
})

test('an id says which topic is asked for; that of somebody who restores it himself asks for nothing', () => {
  expect(topicOfId(restoreId(fault(5)))).toBe('chain')
  for (const id of ['restore/topic chain/0a1b', 'restore/readings/0/records-lost/1', 'restore/chain/0/records-lost/-1', ''])
    expect(topicOfId(id)).toBeUndefined()
})
