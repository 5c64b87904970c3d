import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { finalHeights } from './visible.js'

const METRICS = `# HELP meterchain_head_height Height of the newest final block
# TYPE meterchain_head_height gauge
meterchain_head_height{lane="0",stage="ingest"} 17
meterchain_head_height{stage="ingest",lane="12"} 3
meterchain_head_delay_seconds{lane="1",stage="ingest"} 0.8
meterchain_heads_differing_total{stage="ingest"} 5
`
let said = METRICS
const server = createServer((_request, answer) => answer.end(said))
beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'))
afterAll(() => void server.close())
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

test('heights are read from the door’s metrics, whatever the order of labels', async () => {
  expect(await finalHeights(url())).toEqual(
    new Map([
      [0, 17],
      [12, 3],
    ]),
  )
})

test('a door that has seen no final block tells of no lane', async () => {
  said = 'meterchain_queue_depth{queue="readings",stage="ingest"} 0\n'
  expect(await finalHeights(url())).toEqual(new Map())
})
