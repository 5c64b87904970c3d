import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { TransientError } from '../../schemas/errors.js'
import { DoorClient } from './door-client.js'

const ENTRIES = [Buffer.from('an entry'), Buffer.from('another')]
const ACCEPTED = JSON.stringify({ accepted: 2, refusals: [] })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('a door that is away is waited for, and a bounded time', async () => {
  const port = await freePort()
  const door = new DoorClient({ url: `http://127.0.0.1:${port}`, retryMillis: 200 })
  const sending = door.send(ENTRIES)
  await expect(sending).rejects.toThrow(TransientError)
  await expect(sending).rejects.toThrow(/did not take POST \/v1\/readings for 200 ms \(.*ECONNREFUSED/)
  await door.close()
})

test('a request whose connection was cut off is sent again', async () => {
  let requests = 0
  const server = createServer((request, answer) => {
    requests++
    if (requests < 3) request.socket.destroy()
    else request.resume().on('end', () => answer.writeHead(202, { 'content-type': 'application/json' }).end(ACCEPTED))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const door = new DoorClient({ url: `http://127.0.0.1:${port}`, backoffMillis: 1 })
  expect(await door.send(ENTRIES)).toEqual({ accepted: 2, refusals: [] })
  expect(requests).toBe(3)
  await door.close()
  server.close()
})
