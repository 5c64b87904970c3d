import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { createMetrics } from '../infra/metrics.js'
import { Door } from './door.js'
import { DoorMetrics } from './door-metrics.js'
import { MEDIA_TYPES } from './parse.js'
import { Room } from './room.js'
import { BODY_BYTES, buildServer } from './server.js'

let app: FastifyInstance | undefined
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await app?.close()
})

/** The door over real connections; no meter is enrolled. */
async function open(): Promise<number> {
  const metrics = new DoorMetrics(createMetrics('ingest'))
  const door = new Door({
    ...{ context: () => ({ lanes: 1, facts: () => undefined, verify: () => false }), writers: [], room: new Room(9, 9_999) },
    ...{ rejections: { note: () => undefined }, metrics, answerMillis: 1_000 },
  })
  app = await buildServer({
    ...{ door, heads: { answer: () => undefined }, resend: { tell: () => [] }, metrics: metrics.shared.registry },
    ...{ refreshMetrics: () => undefined, isReady: () => ({ ready: true }), ratePerSecond: 0 },
    ...{ logger: pino({ level: 'silent' }), onFatal: () => undefined },
  })
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
}

/** Begins a request; `answer` is what has come back. */
async function begin(port: number, headers: string, body = ''): Promise<{ socket: Socket; answer(): string }> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  socket.on('error', () => socket.destroy())
  const head = `POST /v1/readings HTTP/1.1\r\nhost: door\r\ncontent-type: ${MEDIA_TYPES.reading}\r\n${headers}\r\n\r\n${body}`
  await new Promise<void>((resolve) => socket.write(head, () => resolve()))
  return { socket, answer: () => text }
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error('did not happen within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('senders that announce more than the door can hold are turned away, and there is room again when others have gone', async () => {
  const port = await open()
  const slow = []
  for (let i = 0; i < 32; i++) slow.push(await begin(port, `content-length: ${BODY_BYTES}`, 'x'))
  const probe = async (headers: string, body: string) => {
    const request = await begin(port, headers, body)
    await until(() => request.answer().includes('\r\n\r\n'))
    return request.answer()
  }
  let answer = ''
  for (let i = 0; i < 100 && !answer.startsWith('HTTP/1.1 503'); i++) answer = await probe('content-length: 1', 'x')
  expect(answer).toMatch(/^HTTP\/1.1 503/)
  expect(answer.toLowerCase()).toContain('retry-after: 1')
  expect(answer).toContain('bodies of 32 requests are being received')
  // a body in chunks does not say how long it will be
  expect(await probe('transfer-encoding: chunked', '1\r\nx\r\n0\r\n\r\n')).toMatch(/^HTTP\/1.1 503/)
  slow[0]?.socket.destroy()
  for (let i = 0; i < 100 && !answer.startsWith('HTTP/1.1 400'); i++) answer = await probe('content-length: 1', 'x')
  expect(answer).toMatch(/^HTTP\/1.1 400/)
  expect(answer).toContain('malformed')
})

test('a chunked body is taken like any other', async () => {
  const port = await open()
  const { answer } = await begin(port, 'transfer-encoding: chunked', '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n')
  await until(() => answer().includes('malformed'))
})

test('a sender that never ends its request does not hold up a door that closes', async () => {
  const port = await open()
  await begin(port, 'content-length: 1000', 'x')
  const started = Date.now()
  await app?.close()
  expect(Date.now() - started).toBeLessThan(10_000)
})
