/** What a broker says of a topic that was made a moment ago, or whose leader moves: it passes, and KafkaJS does not always wait for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { TransientError } from '../../schemas/errors.js'

const NOT_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE', 'NOT_LEADER_FOR_PARTITION'])
const DEADLINE_MILLIS = 30_000
const POLL_MILLIS = 50

/** Asks until the answer is not one of those that pass. Rejects with any other error as it is, and with TransientError at the deadline. */
export async function untilBrokerKnows<T>(what: string, ask: () => Promise<T>, deadlineMillis = DEADLINE_MILLIS): Promise<T> {
  const giveUpAt = Date.now() + deadlineMillis
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const code = deepestType(error)
      if (!NOT_YET.has(code)) throw error
      if (Date.now() > giveUpAt) throw new TransientError(`the broker does not lead ${what}: ${code}`, { cause: error })
    }
    await sleep(POLL_MILLIS)
  }
}

/** The protocol's name of an error, which KafkaJS wraps in others. */
export function deepestType(error: unknown): string {
  let at: unknown = error
  while (at instanceof kafkajs.KafkaJSError && at.cause !== undefined && at.cause !== null) at = at.cause
  const { type, name } = at as { type?: string; name?: string }
  return type ?? name ?? 'unknown'
}
