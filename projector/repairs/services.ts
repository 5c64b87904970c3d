/** What the projector stands on, and how it is looked whether each is there: as little as tells. */
import type { Admin } from 'kafkajs'
import pino from 'pino'
import type { Config } from '../../infra/config.js'
import { createKafka } from '../../infra/kafka/client.js'
import type { OutageRule } from './outage.js'
import { OwnConnection } from './own-connection.js'

export interface Service extends OutageRule {
  readonly name: string
  /** As repairs name it. */
  readonly subject: string
  readonly fault: string
  /** Whether readers and writers of the projector can do without it. */
  readonly isNeeded: boolean
  /** Rejects where it is away. */
  look(): Promise<void>
  /** Gives up what a look that failed, or that nobody waits for any more, has left. */
  drop(): Promise<void>
}

const RULE: OutageRule = { downAfter: 2, upAfter: 1 }
/** Beside a transaction that waits for room, others may find some. */
const DISK_RULE: OutageRule = { downAfter: 1, upAfter: 5 }
const ANSWER_MILLIS = 5_000

export interface ServicesOptions {
  readonly config: Config
  readonly databaseUrl: string
  /** Whether a transaction waits for room. */
  isDiskFull(): boolean
}

export const services = ({ config, databaseUrl, isDiskFull }: ServicesOptions): Service[] => [
  brokerService(config),
  databaseService(databaseUrl),
  registryService(config.registryUrl),
  {
    ...{ ...DISK_RULE, name: 'database-disk', subject: 'disk of PostgreSQL', fault: 'disk-full', isNeeded: true },
    look: async () => {
      if (isDiskFull()) throw new Error('there is no room for rows')
    },
    drop: async () => undefined,
  },
]

/** Metadata of no topic. What KafkaJS logs of each failure is not said: the watch tells what is to be told. */
function brokerService(config: Config): Service {
  const kafka = createKafka(config, pino({ level: 'silent' }), { retries: 0 })
  let admin: Admin | undefined
  return {
    ...{ ...RULE, name: 'broker', subject: 'broker', fault: 'broker-away', isNeeded: true },
    look: async () => {
      admin ??= kafka.admin()
      const mine = admin
      await mine.connect()
      await mine.describeCluster()
    },
    drop: async () => {
      const dropped = admin
      admin = undefined
      await dropped?.disconnect()
    },
  }
}

function databaseService(url: string): Service {
  let connection = new OwnConnection(url)
  return {
    ...{ ...RULE, name: 'database', subject: 'PostgreSQL', fault: 'database-away', isNeeded: true },
    look: async () => {
      await connection.snapshot((client) => client.query('SELECT 1'))
    },
    drop: async () => {
      const dropped = connection
      connection = new OwnConnection(url)
      await dropped.close()
    },
  }
}

function registryService(url: string): Service {
  return {
    ...{ ...RULE, name: 'schema-registry', subject: 'schema registry', fault: 'schema-registry-away', isNeeded: false },
    look: async () => {
      const answer = await fetch(`${url}/config`, { signal: AbortSignal.timeout(ANSWER_MILLIS) })
      await answer.arrayBuffer()
      if (answer.status >= 500) throw new Error(`it answers with ${answer.status}`)
    },
    drop: async () => undefined,
  }
}
