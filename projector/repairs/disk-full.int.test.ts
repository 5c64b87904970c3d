import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { fullTest } from '../../infra/testing/full.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { openProjecting, type Projecting } from '../../infra/testing/projecting.js'
import { createTablespace, mountSmallDisk, noSmallDisk, type SmallDisk, type Tablespace } from '../../infra/testing/small-disk.js'
import { until } from '../../infra/testing/until.js'

const MINUTE = 60_000
const LEFT_BYTES = 256 * 1024
const reason = noSmallDisk()
if (reason !== undefined) process.stderr.write(`PostgreSQL's full disk is not tested: ${reason}\n`)
// the server is everybody's: while its disk is full it can make no checkpoint, nor drop a database
const diskTest = reason === undefined ? fullTest : test.skip
const logged: string[] = []
const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) })
let disk: SmallDisk
let tablespace: Tablespace
let database: TestDatabase
let projecting: Projecting

diskTest(
  'a full disk of PostgreSQL is told and waited for: the projector keeps its process and its place, and goes on when there is room',
  async () => {
    const ready = () => fetch(`http://127.0.0.1:${projecting.running?.port}/readyz`)
    expect((await ready()).status).toBe(200)
    disk.fill(LEFT_BYTES)
    const load = projecting.startLoad()
    const said = await until('a projector that is not ready', MINUTE, async () => {
      const answer = await ready()
      return answer.status === 503 && (await answer.text())
    })
    expect(said).toMatch(/^not ready: the disk of PostgreSQL is full: could not extend file .*: No space left on device\n$/)
    const heights = [...(projecting.running?.heights() ?? [])]
    // each transaction was tried again, and none took effect in part
    await until('another try', MINUTE, () => logged.filter((line) => line.includes('"waitMillis":800')).length > 0)
    expect([...(projecting.running?.heights() ?? [])]).toEqual(heights)
    await load.end()
    expect(await projecting.audit()).toMatchObject({ differenceCount: 0 })

    const began = Date.now()
    disk.makeRoom()
    await projecting.untilWhole('room on the disk')
    process.stderr.write(`the disk full: all rows there ${Date.now() - began} ms after there was room\n`)
    expect((await ready()).status).toBe(200)
    expect(projecting.ends).toEqual([])
  },
  2 * MINUTE,
)

diskTest(
  'a projector that waits for room ends at once, and the next one goes on from its place',
  async () => {
    disk.fill(LEFT_BYTES)
    const load = projecting.startLoad()
    await until('a full disk', MINUTE, async () => {
      const answer = await fetch(`http://127.0.0.1:${projecting.running?.port}/readyz`)
      return answer.status === 503
    })
    const began = Date.now()
    await projecting.running?.stop()
    expect(Date.now() - began).toBeLessThan(5_000)
    await load.end()
    disk.makeRoom()
    await projecting.start()
    await projecting.untilWhole('ended on a full disk')
    expect(projecting.ends).toEqual([])
  },
  2 * MINUTE,
)

beforeAll(async () => {
  if (reason !== undefined) return
  disk = mountSmallDisk(64)
  tablespace = await createTablespace(disk)
  database = await createTestDatabase(tablespace.name)
  projecting = await openProjecting('disk-full', database, logger)
}, MINUTE)
afterAll(async () => {
  if (reason !== undefined) return
  disk.makeRoom()
  await projecting.close()
  await database.drop()
  await tablespace.drop()
  disk.remove()
}, MINUTE)
