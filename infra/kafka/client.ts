/** The Kafka client, set up as notes on KafkaJS 2.2.4 ask for; it is not maintained, so what it does wrong is worked around here. */
import { createRequire } from 'node:module'
import { Kafka, type KafkaConfig, type logCreator, logLevel } from 'kafkajs'
import type { Logger } from 'pino'
import type { Config } from '../config.js'
import { checkFetches } from './checked-fetch.js'
import { askForUncommittedEnds } from './uncommitted-ends.js'

interface RequestQueue {
  pending: unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

const CHECK_MILLIS = 10
let isQuiet = false

/** KafkaJS keeps a 1 ms timer on each idle connection (tulios/kafkajs #1604, #1751): some 900 wake-ups a second. Nothing that is
 *  not pending needs to be looked at again. */
function quietIdleConnections(): void {
  if (isQuiet) return
  isQuiet = true
  const load = createRequire(import.meta.url)
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue }
  prototype.scheduleCheckPendingRequests = function schedule(this: RequestQueue) {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
    const wait = Math.max(this.throttledUntil - Date.now(), CHECK_MILLIS)
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    }, wait)
  }
}

/** KafkaJS calls an error what it then mends by itself (a rebalance, a broker away), so its errors are our warnings. */
const pinoCreator =
  (logger: Logger): logCreator =>
  () =>
  ({ namespace, level, log }) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log
    if (level === logLevel.ERROR || level === logLevel.WARN) logger.warn({ kafka: namespace, ...fields }, message)
    else logger.debug({ kafka: namespace, ...fields }, message)
  }

/** A client of the configured brokers. Connects when it is used. */
export function createKafka(
  config: Pick<Config, 'brokers' | 'kafkaTls' | 'kafkaSaslMechanism' | 'kafkaUsername' | 'kafkaPassword'>,
  logger: Logger,
): Kafka {
  quietIdleConnections()
  checkFetches()
  askForUncommittedEnds()
  const { kafkaSaslMechanism: mechanism, kafkaUsername: username, kafkaPassword: password } = config
  const sasl = mechanism === '' ? {} : { sasl: { mechanism, username, password } as NonNullable<KafkaConfig['sasl']> }
  return new Kafka({
    clientId: 'meterchain',
    brokers: [...config.brokers],
    ssl: config.kafkaTls,
    ...sasl,
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 100, maxRetryTime: 3_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator: pinoCreator(logger),
  })
}
