import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { loadConfig } from '../../infra/config.js'
import { cases } from '../../infra/testing/thorough.js'
import { until } from '../../infra/testing/until.js'
import { LaneThreads, lanesOfThreads } from './lane-threads.js'

test('each lane is one thread’s, and threads have as many as each other, or one more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1024 }), fc.integer({ min: 1, max: 100 }), (lanes, threads) => {
      const dealt = lanesOfThreads(lanes, threads)
      expect(dealt).toHaveLength(Math.min(lanes, threads))
      expect(dealt.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: lanes }, (_, lane) => lane))
      const counts = dealt.map(({ length }) => length)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }),
    cases(100),
  )
})

const filled = (threads: LaneThreads) => {
  const failures: string[] = []
  const filling = threads.filling({
    task: {
      // a store is a folder
      logs: { config: loadConfig({}), registryPath: '/dev/null/registry', groupPrefix: 'nobody' },
      ...{ logLevel: 'silent', databaseUrl: 'postgresql://127.0.0.1:1/nothing', set: 'replay_', checksSignatures: false },
    },
    registryReached: async () => undefined,
    onWritten: () => undefined,
    onFatal: ({ message }) => void failures.push(message),
  })
  return { filling, failures }
}

test('why a thread cannot begin is told to whoever starts it, and stopping it is no error', async () => {
  const threads = new LaneThreads(3, 2)
  await expect(filled(threads).filling.start()).rejects.toThrow(/registry|directory/)
  await threads.stop()
  await threads.stop()
})

test('a thread that ends by itself is told, by its lanes, to whoever waits for it and to whoever is to end all', async () => {
  const threads = new LaneThreads(3, 2, new URL('data:text/javascript,setTimeout(() => process.exit(3), 200)'))
  const { filling, failures } = filled(threads)
  await expect(filling.start()).rejects.toThrow(/the thread of lanes .* has ended with code 3/)
  await until('both have ended', 20_000, () => failures.length === 2)
  expect(failures.sort()).toEqual([0, 1].map((each) => `the thread of lanes ${each === 0 ? '0, 2' : '1'} has ended with code 3`))
  await threads.stop()
})
