import { expect, test } from '@jest/globals'
import { asLane } from '../schemas/ids.js'
import { answerOf, isLasting } from './answer.js'
import { statusOf } from './problem.js'
import { Room } from './room.js'

const accepted = { ok: true, leaf: Buffer.alloc(32, 1), lane: asLane(2), meter: 'm' } as const
const refused = (fault: 'busy' | 'unavailable' | 'malformed' | 'retired' | 'too-large') =>
  ({ ok: false, fault, detail: 'why' }) as const

test('one accepted reading makes it 202, with a receipt for each and what was refused', () => {
  const resend = [{ meter: 'm', from: 1, to: 2 }]
  expect(answerOf([refused('retired'), accepted], resend)).toEqual({
    status: 202,
    body: {
      accepted: 1,
      refused: 1,
      receipts: [{ index: 1, leafHash: '01'.repeat(32), lane: 2 }],
      refusals: [{ index: 0, fault: 'retired', detail: 'why', remedy: 'drop it' }],
      resend,
    },
  })
})

test('all refused makes it a problem; where some may be sent again as they are, that leads', () => {
  expect(answerOf([refused('retired')], [])).toMatchObject({
    status: 422,
    body: { type: 'urn:meterchain:fault:retired', status: 422, detail: 'why', fault: 'retired', refusals: [{ index: 0 }] },
  })
  expect(answerOf([refused('malformed'), refused('unavailable')], [])).toMatchObject({
    status: 503,
    body: { fault: 'unavailable', detail: 'all 2 readings are refused, first: why' },
  })
})

test('each fault has its status; faults of the moment are no rejections', () => {
  const statuses = (
    ['malformed', 'bad-request', 'too-large', 'rate-limited', 'busy', 'unavailable', 'bad-signature'] as const
  ).map(statusOf)
  expect(statuses).toEqual([400, 400, 413, 429, 503, 503, 422])
  expect([isLasting('busy'), isLasting('rate-limited'), isLasting('malformed')]).toEqual([false, false, true])
})

test('room is bounded in readings and bytes, but an empty door takes any request', () => {
  const room = new Room(10, 100)
  expect(room.take(1000, 1000)).toBe(true)
  expect(room.take(1, 1)).toBe(false)
  room.give(1000, 1000)
  expect(room.take(9, 50)).toBe(true)
  expect(room.take(1, 51)).toBe(false)
  expect(room.take(2, 1)).toBe(false)
  expect(room.take(1, 50)).toBe(true)
  expect([room.readings, room.bytes]).toEqual([10, 100])
})
