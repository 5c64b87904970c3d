import { expect, test } from '@jest/globals'
import { Lookout } from './lookout.js'

/** A look that lasts until it is let go. */
function heldLooks() {
  const waiting: { done(): void; fail(error: Error): void }[] = []
  const failures: Error[] = []
  let looks = 0
  const lookout = new Lookout(
    () => {
      looks++
      return new Promise<void>((done, fail) => waiting.push({ done, fail }))
    },
    (error) => failures.push(error),
  )
  const end = async (error?: Error) => {
    const look = waiting.shift()
    if (error === undefined) look?.done()
    else look?.fail(error)
    await new Promise(setImmediate)
  }
  return { lookout, failures, end, looks: () => looks }
}

test('changes while it looks make it look once more, however many they were', async () => {
  const { lookout, end, looks } = heldLooks()
  lookout.poke()
  for (let change = 0; change < 5; change++) lookout.poke()
  expect(looks()).toBe(1)
  await end()
  expect(looks()).toBe(2)
  await end()
  expect(looks()).toBe(2)
})

test('a failure is told, and the next change is looked at all the same', async () => {
  const { lookout, failures, end, looks } = heldLooks()
  lookout.poke()
  await end(new Error('no'))
  expect(failures).toEqual([new Error('no')])
  lookout.poke()
  expect(looks()).toBe(2)
})

test('it looks after a time, unless something changes before', async () => {
  const { lookout, end, looks } = heldLooks()
  lookout.pokeIn(5)
  lookout.pokeIn(1)
  await new Promise<void>((resolve) => {
    const poll = setInterval(() => {
      if (looks() === 0) return
      clearInterval(poll)
      resolve()
    }, 1)
  })
  await end()
  lookout.pokeIn(1)
  lookout.poke()
  expect(looks()).toBe(2)
  await end()
  expect(looks()).toBe(2)
})

test('after a stop, which waits for the look under way, nothing is looked at any more', async () => {
  const { lookout, end, looks } = heldLooks()
  lookout.poke()
  lookout.poke()
  let isStopped = false
  const stopped = lookout.stop().then(() => {
    isStopped = true
  })
  await new Promise(setImmediate)
  expect(isStopped).toBe(false)
  await end()
  await stopped
  lookout.poke()
  lookout.pokeIn(1)
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(looks()).toBe(1)
})
