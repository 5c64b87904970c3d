/** A PostgreSQL of the test's own, whose whole disk is full: no room for its log, so it ends itself. Only in `make test-full`. */
import { afterAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { isPortFree } from '../../infra/services/ports.js'
import { postgresAdminUrl, postgresService } from '../../infra/services/postgres.js'
import type { Service } from '../../infra/services/service.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { openProjecting, type Projecting } from '../../infra/testing/projecting.js'
import { mountSmallDisk, noSmallDisk, type SmallDisk } from '../../infra/testing/small-disk.js'
import { until } from '../../infra/testing/until.js'

const MINUTE = 60_000
const DISK_MEBIBYTES = 330
const LEFT_BYTES = 1_000_000
const isFull = process.env.METERCHAIN_TEST_FULL === 'true'
const reason = isFull ? noSmallDisk() : undefined
if (reason !== undefined) process.stderr.write(`a PostgreSQL without room for its log is not tested: ${reason}\n`)
let disk: SmallDisk | undefined
let server: Service | undefined
let database: TestDatabase | undefined
let projecting: Projecting | undefined

async function freePort(): Promise<number> {
  for (let port = 21_900; ; port++) if (await isPortFree(port)) return port
}

;(isFull && reason === undefined ? test : test.skip)(
  'a server that ends itself for want of room for its log is waited for; started again with room, nothing is missing',
  async () => {
    disk = mountSmallDisk(DISK_MEBIBYTES)
    const none = { kafkaPort: 1, kafkaControllerPort: 1, registryPort: 1 }
    const config = { ...none, home: disk.folder, postgresPort: await freePort() }
    server = postgresService(config)
    await server.start()
    process.env.METERCHAIN_TEST_POSTGRES_URL = postgresAdminUrl(config)
    database = await createTestDatabase()
    projecting = await openProjecting('server-disk', database, pino({ level: 'silent' }))
    const { running } = projecting
    disk.fill(LEFT_BYTES)
    const load = projecting.startLoad()
    const used = projecting.asAdmin(async (client) => {
      // each takes another file of the log, until there is no room for one
      for (;;) await client.query('SELECT pg_logical_emit_message(true, $1, $1); SELECT pg_switch_wal()'.replaceAll('$1', "'x'"))
    })
    await expect(used).rejects.toThrow(/No space left|terminat/)
    await until('a server that has ended itself', MINUTE, () => server?.pid === undefined)
    const ready = () => fetch(`http://127.0.0.1:${running?.port}/readyz`)
    await until('a projector that says why it is not ready', MINUTE, async () => {
      const answer = await ready()
      return answer.status === 503 && (await answer.text()).includes('PostgreSQL is away')
    })
    await load.end()
    disk.makeRoom()
    await server.start()
    await projecting.untilWhole('no room for the log of PostgreSQL')
    expect((await ready()).status).toBe(200)
    expect(projecting.ends).toEqual([])
  },
  3 * MINUTE,
)

afterAll(async () => {
  disk?.makeRoom()
  await projecting?.close()
  await database?.drop()
  await server?.stop()
  disk?.remove()
}, MINUTE)
