/** Sends requests that are ready, as fast as the door answers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { LoadRequest, Queue } from './fleet.js'

/** A request that the door acknowledged. */
export interface Answered {
  readonly request: LoadRequest
  /** When the 202 was there, milliseconds since 1970. */
  readonly at: number
}

const BUSY = [429, 503]
const BUSY_MILLIS = 50

/** One connection for each queue. Rejects with Error on any answer but 202 for all readings; a busy door is asked again. */
export async function sendAll(
  doorUrl: string,
  queues: readonly Queue[],
  onAnswered: (answered: Answered) => void,
): Promise<void> {
  const pool = new Pool(new URL(doorUrl).origin, { connections: queues.length, pipelining: 1 })
  const failure = new AbortController()
  const sendQueue = async (queue: Queue) => {
    for (const request of queue) {
      failure.signal.throwIfAborted()
      await send(pool, request)
      onAnswered({ request, at: Date.now() })
    }
  }
  try {
    await Promise.all(queues.map(sendQueue))
  } catch (error) {
    failure.abort(error)
    throw error
  } finally {
    await pool.close()
  }
}

async function send(pool: Pool, { contentType, body, readings }: LoadRequest): Promise<void> {
  for (;;) {
    const headers = { 'content-type': contentType }
    const response = await pool.request({ path: '/v1/readings', method: 'POST', headers, body })
    const text = await response.body.text()
    if (response.statusCode === 202 && (JSON.parse(text) as { accepted?: unknown }).accepted === readings) return
    if (!BUSY.includes(response.statusCode))
      throw new Error(`of ${readings} readings the door did not take all: ${response.statusCode} ${text.slice(0, 300)}`)
    await sleep(BUSY_MILLIS)
  }
}
