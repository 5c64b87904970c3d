import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import type { Repair } from '../../schemas/records.js'
import { TopicMismatchError } from '../kafka/topics.js'
import { TopicRefusal } from './topic-refusal.js'

let folder: string
let told: Repair[]
const logger = pino({ level: 'silent' })
const tell = async (event: Repair) => void told.push(event)
const cannotTell = async () => {
  throw new Error('topic repairs is not there')
}
const error = new TopicMismatchError(`topics are not as they must be: ${'x'.repeat(1_000)}`)

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'refusal-')), 'projector')
  told = []
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

test('what could not be told while it lasted is told when it is over, once', async () => {
  await new TopicRefusal(folder, logger).refused(error, cannotTell)
  await new TopicRefusal(folder, logger).isOver(cannotTell)
  await new TopicRefusal(folder, logger).isOver(tell)
  await new TopicRefusal(folder, logger).isOver(tell)
  expect(told).toMatchObject([
    { status: 'requested', by: 'projector', tookMillis: null },
    { status: 'completed', by: 'projector', tookMillis: expect.any(Number) },
  ])
  expect(told[0]?.id).toBe(told[1]?.id)
})

test('a long refusal is told in short, and no other is told while it lasts', async () => {
  await new TopicRefusal(folder, logger).refused(error, tell)
  await new TopicRefusal(folder, logger).refused(error, tell)
  expect(told).toHaveLength(1)
  expect(told[0]?.detail).toHaveLength(401)
})

test('who was never refused tells nothing', async () => {
  await new TopicRefusal(folder, logger).isOver(tell)
  expect(told).toEqual([])
})
