import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../config.js'
import { BENCH_HOME, benchSettings, isOwnHome } from './settings.js'

describe('the bench’s settings', () => {
  test('keep it apart from a system that runs with the defaults', () => {
    const own = loadConfig(benchSettings({}, undefined))
    const usual = loadConfig({})
    expect(own.home).toBe(BENCH_HOME)
    expect(isOwnHome(own)).toBe(true)
    for (const [name, value] of Object.entries(usual).filter(([each]) => each.endsWith('Port')))
      expect(own[name as keyof typeof own]).not.toBe(value)
    expect(own.brokers).toEqual(['127.0.0.1:17092'])
  })

  test('give way to the environment', () => {
    const env = { METERCHAIN_INGEST_PORT: '4711' }
    expect(loadConfig({ ...env, ...benchSettings(env, undefined) }).ingestPort).toBe(4_711)
  })

  test('of a home that is given are that home’s own, but for the lanes that are asked for', () => {
    const env = { METERCHAIN_HOME: '/srv/home' }
    expect(benchSettings(env, undefined)).toEqual({})
    expect(benchSettings(env, 8)).toEqual({ METERCHAIN_LANES: '8' })
    expect(isOwnHome(loadConfig(env))).toBe(false)
  })
})
