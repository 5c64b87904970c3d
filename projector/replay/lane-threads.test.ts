import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { loadConfig } from '../../infra/config.js'
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
  )
})

test('a thread that cannot begin is told, by its lanes and its reason, to whoever waits for it; and stopping it is no error', async () => {
  const failures: string[] = []
  const threads = new LaneThreads({
    ...{ lanes: 3, threads: 2 },
    task: {
      // a store is a folder
      logs: { config: loadConfig({}), registryPath: '/dev/null/registry', groupPrefix: 'nobody' },
      ...{ logLevel: 'silent', databaseUrl: 'postgresql://127.0.0.1:1/nothing', set: 'replay_', checksSignatures: false },
    },
    registryReached: async () => undefined,
    onWritten: () => undefined,
    onFatal: ({ message }) => void failures.push(message),
  })
  await expect(threads.start()).rejects.toThrow(/registry|directory/)
  await until(
    'both have ended',
    20_000,
    () => failures.some((each) => each.includes('lanes 0, 2')) && failures.some((each) => each.includes('lanes 1')),
  )
  await threads.stop()
})
