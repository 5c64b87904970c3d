import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type HealthServer, type Readiness, startHealthServer } from './health.js'
import { createLogger } from './log.js'
import { createMetrics } from './metrics.js'

let readiness: () => Readiness
let server: HealthServer
const metrics = createMetrics('validator')
const start = (port = 0) => startHealthServer({ host: '127.0.0.1', port, metrics, isReady: () => readiness() })
const get = async (path: string) => {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
  return [response.status, await response.text()] as const
}
beforeEach(async () => {
  readiness = () => ({ ready: true })
  server = await start()
})
afterEach(() => server.stop())

test('a process lives, whether it is ready or not', async () => {
  readiness = () => ({ ready: false, why: 'reading lanes 1, 2' })
  expect(await get('/healthz')).toEqual([200, 'alive\n'])
  expect(await get('/readyz')).toEqual([503, 'not ready: reading lanes 1, 2\n'])
  readiness = () => ({ ready: false })
  expect(await get('/readyz')).toEqual([503, 'not ready: starting\n'])
  readiness = () => ({ ready: true })
  expect(await get('/readyz')).toEqual([200, 'ready\n'])
  expect(await get('/nothing')).toEqual([404, 'there are /healthz, /readyz, /metrics\n'])
  readiness = () => {
    throw new Error('cannot tell')
  }
  expect(await get('/readyz')).toEqual([500, 'cannot tell\n'])
})

test('metrics name the stage, and two stages in one process keep their own', async () => {
  metrics.readings.inc({ outcome: 'counted' }, 3)
  metrics.lag.set({ topic: 'chain', partition: 2 }, 7)
  metrics.timeToFinal.observe(0.2)
  const other = createMetrics('chainer')
  const [status, text] = await get('/metrics')
  expect(status).toBe(200)
  expect(text).toContain('meterchain_readings_total{outcome="counted",stage="validator"} 3')
  expect(text).toContain('meterchain_lag_records{topic="chain",partition="2",stage="validator"} 7')
  expect(text).toContain('meterchain_time_to_final_seconds_bucket{le="0.25",stage="validator"} 1')
  expect(await other.registry.metrics()).not.toContain('counted')
})

test('a port that is taken is said with its remedy', async () => {
  await expect(start(server.port)).rejects.toThrow(`port ${server.port} on 127.0.0.1 is in use: choose another`)
  await expect(startHealthServer({ host: '192.0.2.1', port: 0, metrics, isReady: readiness })).rejects.toThrow(/EADDRNOTAVAIL/)
})

test('a stage’s log names the stage and its level', () => {
  const logger = createLogger('chainer', 'warn')
  expect(logger.bindings()).toMatchObject({ stage: 'chainer' })
  expect([logger.isLevelEnabled('info'), logger.isLevelEnabled('warn')]).toEqual([false, true])
})
