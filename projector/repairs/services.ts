/** What the projector stands on, and how it is looked whether each is there: by as little as tells. */
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect as connectTls } from 'node:tls'
import pg from 'pg'
import type { Config } from '../../infra/config.js'

/** Nobody waits for it so long; what is left of a look goes then. */
const CONNECT_MILLIS = 10_000

export interface Service {
  /** As repairs name it. */
  readonly subject: string
  readonly fault: string
  /** The projector is not ready without it. */
  readonly isNeeded: boolean
  /** Rejects where it is away. Nobody waits for it after the signal, and nothing is left open then. */
  look(signal: AbortSignal): Promise<void>
}

export interface ServicesOptions {
  readonly config: Pick<Config, 'brokers' | 'kafkaTls' | 'registryUrl'>
  readonly databaseUrl: string
  /** Whether a transaction waits for room. */
  isDiskFull(): boolean
}

export const services = ({ config, databaseUrl, isDiskFull }: ServicesOptions): Service[] => [
  {
    ...{ subject: 'broker', fault: 'broker-away', isNeeded: true },
    look: async (signal) => void (await Promise.any(config.brokers.map((each) => askBroker(each, config.kafkaTls, signal)))),
  },
  { subject: 'PostgreSQL', fault: 'database-away', isNeeded: true, look: (signal) => askDatabase(databaseUrl, signal) },
  // all that is decoded is decoded by our own schemas
  {
    ...{ subject: 'schema registry', fault: 'schema-registry-away', isNeeded: false },
    look: (signal) => askRegistry(config.registryUrl, signal),
  },
  // whether rows get in is for the database to say
  {
    ...{ subject: 'disk of PostgreSQL', fault: 'disk-full', isNeeded: false },
    look: async () => {
      if (isDiskFull()) throw new Error('there is no room for rows')
    },
  },
]

/** ApiVersions, version 0, correlation id 0, no client id: every broker answers it, to whomever. Not through KafkaJS, which goes on to
 *  the addresses that the broker names and tries again and again. */
const API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, 0xff, 0xff])

/** A port may be open, where something stands before the broker or the broker is stuck: so it has to answer. */
async function askBroker(address: string, isTls: boolean, signal: AbortSignal): Promise<void> {
  const { hostname: host, port } = new URL(`kafka://${address}`)
  const socket = isTls ? connectTls({ host, port: Number(port), servername: host }) : connectPlain({ host, port: Number(port) })
  signal.addEventListener('abort', () => socket.destroy(), { once: true })
  const over = new Promise<never>((_resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`${address} closed the connection`)))
  })
  socket.write(API_VERSIONS)
  await Promise.race([once(socket, 'data'), over])
}

async function askDatabase(url: string, signal: AbortSignal): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MILLIS })
  // without a listener a lost connection would end the process; what is under way rejects too
  client.on('error', () => undefined)
  signal.addEventListener('abort', () => void client.end(), { once: true })
  await client.connect()
  await client.query('SELECT 1')
}

async function askRegistry(url: string, signal: AbortSignal): Promise<void> {
  const answer = await fetch(`${url}/config`, { signal })
  await answer.arrayBuffer()
  if (answer.status >= 500) throw new Error(`it answers with ${answer.status}`)
}
