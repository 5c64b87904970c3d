import { describe, expect, test } from '@jest/globals'
import { ConfigError, describeConfig, loadConfig } from './config.js'

const messageOf = (env: Record<string, string>): string => {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'nothing was wrong'
}

test('without an environment everything is on this machine', () => {
  const config = loadConfig({})
  expect(config).toMatchObject({
    home: '.meterchain',
    brokers: ['127.0.0.1:19092'],
    registryUrl: 'http://127.0.0.1:18081/apis/ccompat/v7',
    databaseUrl: '',
    lanes: 4,
    validatorInstance: { index: 1, count: 1 },
    kafkaTls: false,
  })
  expect(Object.isFrozen(config)).toBe(true)
  expect(loadConfig({ METERCHAIN_KAFKA_PORT: '5', METERCHAIN_REGISTRY_PORT: '6' })).toMatchObject({
    brokers: ['127.0.0.1:5'],
    registryUrl: 'http://127.0.0.1:6/apis/ccompat/v7',
  })
})

test('each setting has its variable, and takes its own default', () => {
  const rows = describeConfig({})
  expect(rows.length).toBe(Object.keys(loadConfig({})).length)
  expect(loadConfig(Object.fromEntries(rows.map(({ variable, fallback }) => [variable, fallback])))).toEqual(loadConfig({}))
  for (const { variable, meaning } of rows)
    expect([variable, meaning]).toEqual([expect.stringMatching(/^METERCHAIN_[A-Z_]+$/), expect.stringMatching(/.{3}/)])
})

describe('a setting', () => {
  test.each<[string, string, string, unknown]>([
    ['HOME', 'h', 'home', 'h'],
    ['LOG_LEVEL', 'trace', 'logLevel', 'trace'],
    ['BROKERS', 'a:1, b.c:22,[::1]:9', 'brokers', ['a:1', 'b.c:22', '[::1]:9']],
    ['KAFKA_TLS', 'true', 'kafkaTls', true],
    ['KAFKA_SASL_MECHANISM', 'scram-sha-512', 'kafkaSaslMechanism', 'scram-sha-512'],
    ['KAFKA_USERNAME', 'u', 'kafkaUsername', 'u'],
    ['KAFKA_PASSWORD', 'p', 'kafkaPassword', 'p'],
    ['TOPIC_PREFIX', 'x.y-z_', 'topicPrefix', 'x.y-z_'],
    ['REPLICATION', '3', 'replication', 3],
    ['LANES', '1024', 'lanes', 1_024],
    ['REGISTRY_URL', 'https://r/x', 'registryUrl', 'https://r/x'],
    ['DATABASE_URL', 'postgres://u:p@h/d', 'databaseUrl', 'postgres://u:p@h/d'],
    ['INGEST_PORT', '0', 'ingestPort', 0],
    ['AUTHORITY', 'grid-1', 'authority', 'grid-1'],
    ['BLOCK_ENTRIES', '10000', 'blockEntries', 10_000],
    ['WIGGLE_MILLIS', '60000', 'wiggleMillis', 60_000],
    ['AUDIT_ROWS_PER_SECOND', '0', 'auditRowsPerSecond', 0],
    ['VALIDATOR_INSTANCE', '2/3', 'validatorInstance', { index: 2, count: 3 }],
  ])('METERCHAIN_%s=%s is taken', (variable, value, name, expected) => {
    expect(loadConfig({ [`METERCHAIN_${variable}`]: value })).toMatchObject({ [name]: expected })
  })

  test.each<[string, string]>([
    ['HOME', ''],
    ['LOG_LEVEL', 'loud'],
    ['BROKERS', 'host'],
    ['BROKERS', 'a:1,,b:2'],
    ['KAFKA_TLS', 'yes'],
    ['KAFKA_SASL_MECHANISM', 'oauth'],
    ['TOPIC_PREFIX', 'a b'],
    ['REPLICATION', '0'],
    ['LANES', '1025'],
    ['LANES', '4.5'],
    ['REGISTRY_URL', 'nowhere'],
    ['INGEST_PORT', '65536'],
    ['AUTHORITY', '-x'],
    ['BLOCK_ENTRIES', '10001'],
    ['BLOCK_BYTES', '4194304'],
    ['VALIDATOR_INSTANCE', '3/2'],
    ['VALIDATOR_INSTANCE', '1'],
  ])('METERCHAIN_%s=%s is refused by name', (variable, value) => {
    expect(messageOf({ [`METERCHAIN_${variable}`]: value })).toContain(`METERCHAIN_${variable}=${value}: `)
  })
})

test('all that is wrong is said at once, secrets are not', () => {
  const message = messageOf({
    ...{ METERCHAIN_LANES: 'many', METERCHAIN_HOST: '', METERCHAIN_DATABASE_URL: 'hunter2', METERCHAIN_LANE: '4' },
    ...{ METERCHAIN_TEST_HOME: 'x', HOME: '/root' },
  })
  expect(message.split('\n')).toHaveLength(5)
  for (const part of [
    'METERCHAIN_LANES=many: expected a whole number from 1 to 1024',
    'METERCHAIN_HOST=: ',
    'METERCHAIN_LANE: there is no such setting',
  ])
    expect(message).toContain(part)
  expect(message).not.toContain('hunter2')
  const rows = describeConfig({ METERCHAIN_KAFKA_PASSWORD: 'hunter2', METERCHAIN_LANES: '9' })
  expect(rows.find(({ variable }) => variable === 'METERCHAIN_KAFKA_PASSWORD')?.value).toBe('***')
  expect(rows.find(({ variable }) => variable === 'METERCHAIN_LANES')).toMatchObject({ value: '9', fallback: '4', unit: 'lanes' })
  expect(JSON.stringify(rows)).not.toContain('hunter2')
})
