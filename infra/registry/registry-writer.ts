import type { RecordName } from '../../schemas/avsc.js'
import { BugError, TransientError } from '../../schemas/errors.js'
import { LIMITS } from '../../schemas/limits.js'
import { decodeEventBody, decodeRegistryEvent, type EnrolledMeter, type EventContent } from '../../schemas/records.js'
import type { LogWriter } from '../kafka/log-writer.js'
import type { RegistryFollower } from './registry-follower.js'
import { type EventSigner, LIFETIME_EVENTS, newBody, placeEvent, type SignedBody, signBody } from './sign-event.js'

/** What the writer needs of a LogWriter. */
export type RegistryAppender = Pick<LogWriter, 'append'>
/** What the writer needs of SchemaIds. */
export interface RecordFramer {
  frame(recordName: RecordName, body: Buffer): Buffer
}

/** The registry’s rules say no: sending it again is of no use. */
export class EventRefusedError extends Error {
  override readonly name = 'EventRefusedError'
  readonly reason: string

  constructor(kind: string, reason: string) {
    super(`the registry refuses ${kind}: ${reason}`)
    this.reason = reason
  }
}

export interface SubmitOptions {
  readonly meters?: readonly EnrolledMeter[]
  /** For the event to count, all attempts together. */
  readonly deadlineMillis?: number
}

const DEADLINE_MILLIS = 60_000

/** Signs an event and gets it into the registry. Resolves with the size at which its facts hold, once they do here. Throws
 *  EventRefusedError where the rules say no, TransientError where it did not count in time. */
export async function submitEvent(
  follower: RegistryFollower,
  writer: RegistryAppender,
  ids: RecordFramer,
  content: EventContent,
  signers: readonly EventSigner[],
  options: SubmitOptions = {},
): Promise<{ size: number }> {
  const { state } = follower
  const bodyBytes = newBody(content, state.size + LIFETIME_EVENTS)
  const signed = { bodyBytes, signatures: signBody(bodyBytes, state.chainId, signers), meters: options.meters ?? [] }
  return submitSigned(follower, writer, ids, signed, options.deadlineMillis)
}

/** The same for a body whose signatures were gathered before. Two writers may race for a place: the loser sends again. */
export async function submitSigned(
  follower: RegistryFollower,
  writer: RegistryAppender,
  ids: RecordFramer,
  signed: SignedBody,
  deadlineMillis = DEADLINE_MILLIS,
): Promise<{ size: number }> {
  const body = decodeEventBody(signed.bodyBytes)
  if (body === undefined) throw new BugError('the body of an event to be submitted is not canonical')
  const { kind } = body.content
  const deadline = Date.now() + deadlineMillis
  let size: number | undefined
  const stop = follower.onEvent(({ index, event }) => {
    if (event.body.id.equals(body.id)) size = index + 1
  })
  try {
    for (;;) {
      const value = placeEvent(follower.state, signed)
      assertCounts(follower, kind, value)
      const offset = await writer.append('registry', 0, [{ value: ids.frame('RegistryEvent', value) }])
      await follower.reachOffset(offset + 1n, Math.max(1, deadline - Date.now()))
      if (size !== undefined) return { size }
      if (Date.now() > deadline)
        throw new TransientError(`${kind} did not count in ${deadlineMillis} ms: others were first each time`)
    }
  } finally {
    stop()
  }
}

/** A dry run, so that what the rules refuse is not written. */
function assertCounts(follower: RegistryFollower, kind: string, value: Buffer): void {
  if (value.length > LIMITS.registryEventBytes)
    throw new EventRefusedError(kind, `too-large: ${value.length} bytes, allowed are ${LIMITS.registryEventBytes}`)
  const event = decodeRegistryEvent(value)
  if (event === undefined) throw new BugError(`an event ${kind} that was just encoded is not canonical`)
  const reason = follower.state.check(event)
  if (reason !== undefined) throw new EventRefusedError(kind, reason)
}
