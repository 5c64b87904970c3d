import { expect, test } from '@jest/globals'
import { TransientError } from '../../schemas/errors.js'
import { Waiters } from './waiters.js'

test('those whose time has come go on, the others wait until their deadline', async () => {
  const waiters = new Waiters()
  let reached = 1
  await waiters.until(
    () => reached >= 1,
    1_000,
    () => 'never',
  )
  const second = waiters.until(
    () => reached >= 2,
    10_000,
    () => 'never',
  )
  const third = waiters.until(
    () => reached >= 3,
    20,
    () => `only ${reached}`,
  )
  reached = 2
  waiters.check()
  await second
  await expect(third).rejects.toThrow(new TransientError('only 2 (waited for 20 ms)'))
})

test('a failure reaches all who wait and who will', async () => {
  const waiters = new Waiters()
  const waiting = waiters.until(
    () => false,
    10_000,
    () => 'never',
  )
  waiters.fail(new Error('broken'))
  waiters.fail(new Error('later'))
  await expect(waiting).rejects.toThrow('broken')
  await expect(
    waiters.until(
      () => true,
      10_000,
      () => 'never',
    ),
  ).rejects.toThrow('broken')
})
