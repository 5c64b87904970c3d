import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { TransientError } from '../../schemas/errors.js'
import { Calls } from './calls.js'

const offered = {
  sum: (numbers: readonly bigint[]): bigint => numbers.reduce((total, each) => total + each, 0n),
  later: async (text: string): Promise<string> => `${text}, later`,
  wait: async (): Promise<void> => {
    throw new TransientError('not yet')
  },
  fail: (): never => {
    throw new RangeError('too far')
  },
  throwText: (): never => {
    throw 'no error at all'
  },
  never: (): Promise<void> => new Promise(() => undefined),
}
let channel: MessageChannel
let calls: Calls<typeof offered>

beforeEach(() => {
  channel = new MessageChannel()
  new Calls(channel.port2, offered)
  calls = new Calls<typeof offered>(channel.port1, {})
})
afterEach(() => channel.port1.close())

test('calls have the results of the other side, whether at once or later, and side by side', async () => {
  expect(await Promise.all([calls.call('sum', [1n, 2n ** 60n]), calls.call('later', 'one'), calls.call('sum', [])])).toEqual([
    2n ** 60n + 1n,
    'one, later',
    0n,
  ])
})

test('what the other side throws is thrown here: TransientError as such, with its message and where it came from', async () => {
  const thrown = await calls.call('wait').catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(TransientError)
  expect(thrown).toMatchObject({ message: 'not yet', stack: expect.stringContaining('calls.test') })
  const other = await calls.call('fail').catch((error: unknown) => error)
  expect(other).toBeInstanceOf(Error)
  expect(other).not.toBeInstanceOf(TransientError)
  expect(other).toMatchObject({ message: 'too far' })
  await expect(calls.call('throwText')).rejects.toThrow('no error at all')
})

test('whoever asks for what is not offered is told so', async () => {
  await expect(new Calls<{ nothing(): void }>(channel.port1, {}).call('nothing')).rejects.toThrow('offers no nothing')
})

test('when the other side ends, those that wait and those that call later hear why', async () => {
  const waiting = calls.call('never')
  calls.end(new Error('it was stopped'))
  calls.end(new Error('said later'))
  await expect(waiting).rejects.toThrow('it was stopped')
  await expect(calls.call('sum', [])).rejects.toThrow('it was stopped')
})
