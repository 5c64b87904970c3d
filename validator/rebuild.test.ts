import { expect, test } from '@jest/globals'
import { decodeRepair, encodeRepair, type Repair } from '../schemas/records.js'
import { Rebuild } from './rebuild.js'

test('a rebuild is told when it begins, and once when it is done, under one id and with its duration', async () => {
  const told: Repair[] = []
  const tell = async (event: Repair) => void told.push(event)
  const rebuild = await Rebuild.begin({ by: 'authority-2', why: 'a checksum failed', beganAt: 1_000, tell })
  expect(told).toMatchObject([{ kind: 'rebuild', status: 'requested', at: 1_000, tookMillis: null, detail: 'a checksum failed' }])
  await rebuild.done(3_500)
  await rebuild.done(9_000)
  expect(told).toMatchObject([{}, { status: 'completed', at: 3_500, tookMillis: 2_500, by: 'authority-2', lane: -1 }])
  expect(new Set(told.map(({ id }) => id)).size).toBe(1)
  for (const event of told) expect(decodeRepair(encodeRepair(event))).toEqual(event)
})
