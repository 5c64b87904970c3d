import { randomBytes } from 'node:crypto'
import type { Hash } from '../../schemas/hash.js'
import {
  type EnrolledMeter,
  type EventContent,
  type EventSignature,
  encodeEventBody,
  encodeRegistryEvent,
} from '../../schemas/records.js'
import { eventMessage } from '../../schemas/registry/signers.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { sign } from '../crypto/sodium.js'

/** Who signs an event: an authority by its id, or a meter with an empty one. */
export interface EventSigner {
  readonly id: string
  /** 64 bytes, as of `newKeyPair`. */
  readonly secretKey: Buffer
}

/** An event as its authors made it, before it knows its place: signatures are over the body alone, and can be gathered while the
 *  log moves on. */
export interface SignedBody {
  readonly bodyBytes: Buffer
  readonly signatures: readonly EventSignature[]
  /** Of an enrolment. */
  readonly meters: readonly EnrolledMeter[]
}

/** Events that an event may let pass before it expires. */
export const LIFETIME_EVENTS = 1_000_000

/** The bytes of a body with a random id that counts while the registry holds fewer than `expiresAtSize` events. */
export function newBody(content: EventContent, expiresAtSize: number): Buffer {
  return encodeEventBody({ id: randomBytes(16), expiresAtSize, content })
}

/** Signs a body for the chain `chainId`. */
export function signBody(bodyBytes: Buffer, chainId: Hash, signers: readonly EventSigner[]): EventSignature[] {
  const message = eventMessage(chainId, bodyBytes)
  return signers.map(({ id, secretKey }) => ({ signer: id, signature: sign(message, secretKey) }))
}

/** The record for a signed body (no registry prefix) that counts under the present state alone. */
export function placeEvent(state: RegistryState, { bodyBytes, signatures, meters }: SignedBody): Buffer {
  const { size: sizeBefore, root: rootBefore } = state
  return encodeRegistryEvent({ bodyBytes, sizeBefore, rootBefore, signatures: [...signatures], meters: [...meters] })
}
