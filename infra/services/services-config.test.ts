import { describe, expect, test } from '@jest/globals'
import { DEFAULT_PORTS, dataFolder } from './services-config.js'

describe('the data folder of a service', () => {
  test('is absolute where the home is not: servers run in working folders of their own', () => {
    expect(dataFolder({ ...DEFAULT_PORTS, home: '.some-home' }, 'registry')).toBe(`${process.cwd()}/.some-home/data/registry`)
  })

  test('lies in the home where that is absolute', () => {
    expect(dataFolder({ ...DEFAULT_PORTS, home: '/srv/home' }, 'kafka')).toBe('/srv/home/data/kafka')
  })
})
