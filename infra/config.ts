/** The only reader of the environment: every setting with its default, unit and meaning. */
import { z } from 'zod'
import { NOTE_KIND, parseVerifierKey } from '../schemas/checkpoint/note.js'

interface Setting<T> {
  readonly variable: string
  readonly fallback: string
  readonly unit: string
  readonly meaning: string
  readonly parser: z.ZodType<T, string>
  readonly isSecret?: boolean
}

const setting = <T>(
  variable: string,
  fallback: string,
  unit: string,
  meaning: string,
  parser: z.ZodType<T, string>,
): Setting<T> => ({
  variable: `METERCHAIN_${variable}`,
  fallback,
  unit,
  meaning,
  parser,
})
const secret = <T>(inner: Setting<T>): Setting<T> => ({ ...inner, isSecret: true })

const text = z.string()
const filled = z.string().min(1, 'must not be empty')
const whole = (low: number, high: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `expected a whole number from ${low} to ${high}`)
    .transform(Number)
    .refine((value) => value >= low && value <= high, `expected a whole number from ${low} to ${high}`)
const port = whole(0, 65_535)
const brokers = z
  .string()
  .transform((value) => (value === '' ? [] : value.split(',').map((each) => each.trim())))
  .refine(
    (list) => list.every((each) => /^[^\s:]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(each)),
    'expected host:port,host:port',
  )
const onOff = z.enum(['on', 'off'], 'expected on or off').transform((value) => value === 'on')
const flag = z.enum(['true', 'false'], 'expected true or false').transform((value) => value === 'true')
const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'expected 1 to 64 of A-Z a-z 0-9 . _ : -')
const prefix = z.string().regex(/^[A-Za-z0-9._-]{0,100}$/, 'expected up to 100 of A-Z a-z 0-9 . _ -')
const url = z.union([z.literal(''), z.url('expected a URL')])
const witnesses = z
  .string()
  .transform((value) => value.split(/[\s,]+/).filter((each) => each !== ''))
  .transform((list) => list.map(parseVerifierKey))
  .refine(
    (keys) => keys.every((key) => key?.kind === NOTE_KIND.cosignature),
    'expected verifier keys of cosignatures (kind 4), such as witness.example/1+0a1b2c3d+BA…',
  )
  .transform((keys) => keys.filter((key) => key !== undefined))
const instance = z
  .string()
  .regex(/^[1-9]\d{0,3}\/[1-9]\d{0,3}$/, 'expected i/n, such as 1/2')
  .transform((value) => {
    const [index = 1, count = 1] = value.split('/').map(Number)
    return { index, count }
  })
  .refine(({ index, count }) => index <= count, 'expected i/n with i not above n')

const SETTINGS = {
  home: setting('HOME', '.meterchain', 'folder', 'keys, derived state, logs, and the data of local services', filled),
  logLevel: setting(
    'LOG_LEVEL',
    'info',
    '',
    'trace, debug, info, warn, error, fatal or silent',
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  ),
  brokers: setting('BROKERS', '', 'host:port,…', 'Kafka; empty: the local broker', brokers),
  kafkaTls: setting('KAFKA_TLS', 'false', '', 'TLS to the brokers', flag),
  kafkaSaslMechanism: setting(
    'KAFKA_SASL_MECHANISM',
    '',
    '',
    'plain, scram-sha-256, scram-sha-512, or empty',
    z.enum(['', 'plain', 'scram-sha-256', 'scram-sha-512']),
  ),
  kafkaUsername: setting('KAFKA_USERNAME', '', '', 'SASL user', text),
  kafkaPassword: secret(setting('KAFKA_PASSWORD', '', '', 'SASL password', text)),
  topicPrefix: setting('TOPIC_PREFIX', '', '', 'stands before each topic’s name, so that several chains share a broker', prefix),
  replication: setting('REPLICATION', '1', 'replicas', 'of each topic, when it is created', whole(1, 15)),
  lanes: setting('LANES', '4', 'lanes', 'independent chains; fixed with the genesis', whole(1, 1024)),
  registryUrl: setting('REGISTRY_URL', '', 'URL', 'Confluent-compatible schema registry; empty: the local one', url),
  databaseUrl: secret(setting('DATABASE_URL', '', 'URL', 'PostgreSQL as the writer; empty: the local one', url)),
  analystUrl: secret(setting('ANALYST_URL', '', 'URL', 'PostgreSQL as a read-only analyst; empty: the local one', url)),
  host: setting('HOST', '127.0.0.1', 'address', 'where servers listen', filled),
  ingestPort: setting('INGEST_PORT', '18080', 'port', 'the door', port),
  queryPort: setting('QUERY_PORT', '18082', 'port', 'the query API', port),
  apiKeys: setting(
    'API_KEYS',
    'auto',
    '',
    'whether the query API asks for keys (meterchain keys api): required, open, or auto, which is open where METERCHAIN_HOST is this machine alone',
    z.enum(['auto', 'required', 'open'], 'expected auto, required or open'),
  ),
  apiKeyFolder: setting('API_KEY_FOLDER', '', 'folder', 'hashes of the query API’s keys; empty: <home>/api-keys', text),
  queryRatePerSecond: setting(
    'QUERY_RATE_PER_SECOND',
    '100',
    'requests/s',
    'limit of one key, or of one address without a key, at the query API; 0: none',
    whole(0, 1_000_000),
  ),
  chainerPort: setting('CHAINER_PORT', '18083', 'port', 'health and metrics of the chainer', port),
  validatorPort: setting('VALIDATOR_PORT', '18084', 'port', 'health and metrics of the validator', port),
  projectorPort: setting('PROJECTOR_PORT', '18085', 'port', 'health and metrics of the projector', port),
  witnessPort: setting('WITNESS_PORT', '18086', 'port', 'checkpoint, health and metrics of a witness', port),
  kafkaPort: setting('KAFKA_PORT', '19092', 'port', 'local Kafka', port),
  kafkaControllerPort: setting('KAFKA_CONTROLLER_PORT', '19093', 'port', 'local Kafka’s controller', port),
  registryPort: setting('REGISTRY_PORT', '18081', 'port', 'local schema registry', port),
  postgresPort: setting('POSTGRES_PORT', '15432', 'port', 'local PostgreSQL', port),
  authority: setting('AUTHORITY', 'authority-1', 'id', 'in whose name chainer and validator act', id),
  keyFile: setting('KEY_FILE', '', 'file', 'the authority’s key; empty: <home>/keys/<authority>.json', text),
  packMillis: setting(
    'PACK_MILLIS',
    '10',
    'ms',
    'how long the door collects readings of a lane into one record',
    whole(1, 1_000),
  ),
  queueReadings: setting(
    'QUEUE_READINGS',
    '20000',
    'readings',
    'waiting at the door for the log; beyond: 503',
    whole(1, 10_000_000),
  ),
  ratePerSecond: setting(
    'RATE_PER_SECOND',
    '0',
    'requests/s',
    'limit of one client address at the door; 0: none',
    whole(0, 1_000_000),
  ),
  blockMillis: setting('BLOCK_MILLIS', '200', 'ms', 'age of its first reading at which a block is cut', whole(1, 600_000)),
  blockEntries: setting('BLOCK_ENTRIES', '10000', 'entries', 'at which a block is cut', whole(1, 10_000)),
  blockBytes: setting('BLOCK_BYTES', '3932160', 'bytes', 'at which a block is cut', whole(1_024, 4_000_000)),
  wiggleMillis: setting(
    'WIGGLE_MILLIS',
    '500',
    'ms',
    'how long each next authority waits for the one before it',
    whole(1, 60_000),
  ),
  auditRowsPerSecond: setting(
    'AUDIT_ROWS_PER_SECOND',
    '1000',
    'rows/s',
    'that the projector compares with the logs, round and round, and heals; 0: none',
    whole(0, 10_000_000),
  ),
  restore: setting(
    'RESTORE',
    'on',
    'on or off',
    'whether the projector appends from its tables what topics chain and checkpoints have lost; off: meterchain restore does',
    onOff,
  ),
  checkpointMillis: setting(
    'CHECKPOINT_MILLIS',
    '5000',
    'ms',
    'from one checkpoint to the next where something became final',
    whole(1, 10_000),
  ),
  witnesses: setting(
    'WITNESSES',
    '',
    'name+hash+key, ...',
    'verifier keys of witnesses whose cosignatures of checkpoints are kept and served',
    witnesses,
  ),
  validatorInstance: setting(
    'VALIDATOR_INSTANCE',
    '1/1',
    'i/n',
    'this validator judges every n-th lane, from the i-th on',
    instance,
  ),
} as const

type Settings = typeof SETTINGS
export type Config = { readonly [Name in keyof Settings]: Settings[Name] extends Setting<infer T> ? T : never }

/** One setting or more cannot be used. The message names each, with its value and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Reads all settings. Throws ConfigError, which lists every one that is wrong. */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const faults: string[] = []
  const entries = Object.entries<Setting<unknown>>(SETTINGS).map(([name, { variable, fallback, parser, isSecret }]) => {
    const raw = env[variable] ?? fallback
    const parsed = parser.safeParse(raw)
    if (parsed.success) return [name, parsed.data] as const
    faults.push(`${variable}=${isSecret ? '***' : raw}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`)
    return [name, undefined] as const
  })
  const known = new Set(Object.values<Setting<unknown>>(SETTINGS).map(({ variable }) => variable))
  for (const variable of Object.keys(env)) {
    if (variable.startsWith('METERCHAIN_') && !variable.startsWith('METERCHAIN_TEST_') && !known.has(variable)) {
      faults.push(`${variable}: there is no such setting`)
    }
  }
  if (faults.length > 0)
    throw new ConfigError(`settings that cannot be used (see 'meterchain config'):\n  ${faults.join('\n  ')}`)
  return withLocal(Object.fromEntries(entries) as Config)
}

/** What is left empty means the local services. Database URLs hold a password that their launcher makes, so they stay empty here. */
function withLocal(config: Config): Config {
  return Object.freeze({
    ...config,
    brokers: config.brokers.length === 0 ? [`127.0.0.1:${config.kafkaPort}`] : config.brokers,
    registryUrl: config.registryUrl === '' ? `http://127.0.0.1:${config.registryPort}/apis/ccompat/v7` : config.registryUrl,
  })
}

export interface ConfigRow {
  readonly variable: string
  readonly value: string
  readonly fallback: string
  readonly unit: string
  readonly meaning: string
}

/** A row a setting, secrets masked: what `meterchain config` prints. */
export function describeConfig(env: Readonly<Record<string, string | undefined>> = process.env): ConfigRow[] {
  return Object.values<Setting<unknown>>(SETTINGS).map(({ variable, fallback, unit, meaning, isSecret }) => {
    const value = env[variable] ?? fallback
    return { variable, value: isSecret && value !== '' ? '***' : value, fallback, unit, meaning }
  })
}
