import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { TransientError } from '../../schemas/errors.js'
import { DoorClient, DoorError, retryAfterMillis } from './door-client.js'

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

async function serve(listener: RequestListener): Promise<{ server: Server; door: DoorClient }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, door: new DoorClient({ url: `http://127.0.0.1:${port}/`, backoffMillis: 1, retryMillis: 1_000 }) }
}

test('a request that is too large is cut until it fits; refusals keep their places', async () => {
  const sizes: number[] = []
  const { server, door } = await serve(async (request, answer) => {
    let bytes = 0
    for await (const chunk of request) bytes += chunk.length
    sizes.push(bytes)
    if (bytes > 70) return answer.writeHead(413).end(JSON.stringify({ fault: 'too-large', detail: 'too large' }))
    return answer
      .writeHead(202)
      .end(JSON.stringify({ accepted: 1, refusals: [{ index: 0, fault: 'retired', detail: String(bytes) }] }))
  })
  const entries = [30, 30, 30, 90].map((length) => Buffer.alloc(length, 1))
  const answer = await door.send(entries)
  expect(answer.refusals.map(({ index, fault }) => [index, fault])).toEqual([
    [0, 'retired'],
    [2, 'retired'],
    [3, 'too-large'],
  ])
  expect(answer.accepted).toBe(2)
  await door.close()
  server.close()
})

test('what fails inside the door is asked for again after a pause; what is no door is an error at once', async () => {
  const answers: [number, string][] = [
    [500, JSON.stringify({ fault: 'unavailable', detail: 'the door failed' })],
    [202, ACCEPTED],
    [404, '<html>no such page</html>'],
    [200, '{"heads":"none"}'],
    [404, '{"fault":"bad-request","detail":"x"}'],
  ]
  const { server, door } = await serve((request, answer) => {
    const [status, body] = answers.shift() ?? [500, '']
    request.resume().on('end', () => answer.writeHead(status).end(body))
  })
  expect(await door.send(ENTRIES)).toEqual({ accepted: 2, refusals: [] })
  await expect(door.send(ENTRIES)).rejects.toThrow(/answered 404, which is no answer of a door: <html>no such page/)
  await expect(door.heads(['m'])).rejects.toThrow(DoorError)
  await expect(door.heads(['m'])).rejects.toThrow('POST /v1/heads answered 404')
  await door.close()
  await expect(door.send(ENTRIES)).rejects.not.toThrow(TransientError)
  server.close()
})

test('Retry-After is seconds or a date, and anything else is none', () => {
  expect(retryAfterMillis(undefined)).toBeUndefined()
  expect(retryAfterMillis('3')).toBe(3_000)
  expect(retryAfterMillis('soon')).toBeUndefined()
  expect(retryAfterMillis('99999999999999999999')).toBeUndefined()
  const now = Date.parse('2024-01-01T00:00:00Z')
  expect(retryAfterMillis('Mon, 01 Jan 2024 00:00:05 GMT', now)).toBe(5_000)
  expect(retryAfterMillis('Sun, 31 Dec 2023 00:00:00 GMT', now)).toBe(0)
})
