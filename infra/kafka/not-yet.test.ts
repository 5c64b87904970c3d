import { expect, test } from '@jest/globals'
import kafkajs from 'kafkajs'
import { TransientError } from '../../schemas/errors.js'
import { deepestType, untilBrokerKnows } from './not-yet.js'

const said = (type: string): Error => {
  const cause = Object.assign(new kafkajs.KafkaJSError(type), { type })
  return Object.assign(new kafkajs.KafkaJSError('retries are exceeded'), { cause })
}

test('a partition whose leader does not know of it yet is asked for again', async () => {
  const answers = [said('NOT_LEADER_FOR_PARTITION'), said('UNKNOWN_TOPIC_OR_PARTITION'), said('LEADER_NOT_AVAILABLE')]
  const ask = async () => {
    const error = answers.shift()
    if (error !== undefined) throw error
    return 7
  }
  await expect(untilBrokerKnows('topic a', ask)).resolves.toBe(7)
  expect(answers).toEqual([])
})

test('at the deadline the last answer is told', async () => {
  const asked = untilBrokerKnows('topic a', () => Promise.reject(said('NOT_LEADER_FOR_PARTITION')), 0)
  await expect(asked).rejects.toThrow('the broker does not lead topic a: NOT_LEADER_FOR_PARTITION')
  await expect(asked).rejects.toBeInstanceOf(TransientError)
})

test('an answer that does not pass is not asked for again', async () => {
  const error = said('TOPIC_AUTHORIZATION_FAILED')
  let asked = 0
  const ask = () => {
    asked++
    return Promise.reject(error)
  }
  await expect(untilBrokerKnows('topic a', ask)).rejects.toBe(error)
  expect(asked).toBe(1)
  expect(deepestType(error)).toBe('TOPIC_AUTHORIZATION_FAILED')
})
