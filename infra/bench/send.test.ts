import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { SmallDoor } from '../testing/small-door.js'
import { Fleet } from './fleet.js'
import { type Answered, sendAll } from './send.js'

const CHAIN_ID = Buffer.alloc(32, 5)
let door: SmallDoor

beforeEach(async () => {
  door = await SmallDoor.open()
})
afterEach(() => door.close())

describe('the sender', () => {
  test('sends each request once, each connection’s in order, and says when each was acknowledged', async () => {
    const queues = new Fleet(CHAIN_ID, 'r', 6).queues(60, 5, 3)
    const answers: Answered[] = []
    const from = Date.now()
    await sendAll(door.url, queues, (answered) => answers.push(answered))
    expect(door.requests.flat().length).toBe(60)
    expect([...door.states.values()].map(({ sequence, gaps }) => [sequence, gaps.length])).toEqual(Array(6).fill([10, 0]))
    expect(new Set(answers.map(({ request }) => request))).toEqual(new Set(queues.flat()))
    for (const { at } of answers) expect(at).toBeGreaterThanOrEqual(from)
  })

  test('asks a busy door again', async () => {
    let isBusy = true
    door.disturb = () => {
      const answer = isBusy ? { status: 503, body: {} } : undefined
      isBusy = false
      return answer
    }
    await sendAll(door.url, new Fleet(CHAIN_ID, 'r', 1).queues(2, 1, 1), () => undefined)
    expect(door.requests.length).toBe(2)
  })

  test('ends at a refusal, with the door’s words', async () => {
    const queues = new Fleet(CHAIN_ID, 'r', 4).queues(400, 1, 2)
    door.faults.set('bench-r-000001 3', 'bad-signature')
    await expect(sendAll(door.url, queues, () => undefined)).rejects.toThrow(/did not take all: 422 .*bad-signature/)
  })

  test('does not take a part for the whole', async () => {
    door.faults.set('bench-r-000002 1', 'retired')
    const queues = new Fleet(CHAIN_ID, 'r', 2).queues(2, 2, 1)
    await expect(sendAll(door.url, queues, () => undefined)).rejects.toThrow('of 2 readings the door did not take all: 202')
  })
})
