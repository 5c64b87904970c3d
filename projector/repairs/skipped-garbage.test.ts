import { expect, test } from '@jest/globals'
import pino from 'pino'
import { until } from '../../infra/testing/until.js'
import type { Repair } from '../../schemas/records.js'
import { SkippedGarbage } from './skipped-garbage.js'

function open(options: { togetherMillis?: number; apartMillis?: number; fails?: boolean } = {}) {
  const told: Repair[] = []
  const logger = pino({ level: 'silent' })
  const tell = async (event: Repair) => {
    if (options.fails === true) throw new Error('the broker is away')
    told.push(event)
  }
  return { told, garbage: new SkippedGarbage({ tell, logger, togetherMillis: 5, ...options }) }
}
const record = (offset: bigint, reason = 'undecodable', partition = 0) => ({ topic: 'chain', partition, offset, reason }) as const
const telling = ({ id, status, lane, detail }: Repair) => [id, status, lane, detail]

test('garbage that comes together is one repair, with how many records, where and why', async () => {
  const { told, garbage } = open()
  for (const each of [record(7n), record(9n), record(8n, 'stranger')]) garbage.found(each)
  garbage.found({ topic: 'registry', partition: 0, offset: 3n, reason: 'malformed' })
  await until('both are told', 5_000, async () => told.length === 4)
  const detail = '3 records that are none, offsets 7 to 9: undecodable 2, stranger 1'
  expect(told.filter(({ subject }) => subject === 'topic chain').map(telling)).toEqual([
    ['skip/chain/0/7', 'requested', 0, detail],
    ['skip/chain/0/7', 'completed', 0, detail],
  ])
  expect(told.filter(({ subject }) => subject === 'topic registry').map(telling)).toEqual([
    ['skip/registry/0/3', 'requested', -1, '1 record that is none, offset 3: malformed 1'],
    ['skip/registry/0/3', 'completed', -1, '1 record that is none, offset 3: malformed 1'],
  ])
  expect(
    told.every(
      ({ kind, fault, tookMillis, status }) =>
        kind === 'skip' && fault === 'garbage' && (tookMillis === null) === (status === 'requested'),
    ),
  ).toBe(true)
})

test('whatever comes within a minute waits for the next repair of its partition; at the end what waits is told', async () => {
  const { told, garbage } = open()
  garbage.found(record(1n))
  await until('the first is told', 5_000, async () => told.length === 2)
  for (let offset = 2n; offset < 1_000n; offset++) garbage.found(record(offset, `reason ${offset}`))
  garbage.found(record(5n, 'undecodable', 1))
  await until('the other partition is told', 5_000, async () => told.length === 4)
  expect(told.filter(({ lane }) => lane === 0)).toHaveLength(2)
  await garbage.stop()
  const last = told.filter(({ lane }) => lane === 0).at(-1)
  expect(last?.detail).toMatch(/^998 records that are none, offsets 2 to 999: reason 2 1, /)
  expect(last?.detail.length).toBeLessThan(300)
})

test('where it cannot be told, nothing else fails', async () => {
  const { told, garbage } = open({ fails: true })
  garbage.found(record(1n))
  await garbage.stop()
  expect(told).toEqual([])
})
