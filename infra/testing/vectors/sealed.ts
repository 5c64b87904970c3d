// Blocks, votes and registry events of keys that are always the same, with ids that are always the same.
import { type Hash, sha256 } from '../../../schemas/hash.js'
import { blockHash, sealMessage, voteMessage } from '../../../schemas/lane-fold.js'
import {
  type EnrolledMeter,
  type EventContent,
  encodeBlock,
  encodeEventBody,
  encodeHeader,
  encodeRegistryEvent,
  encodeSignedVote,
  encodeVote,
  type Header,
  type Vote,
} from '../../../schemas/records.js'
import { genesisMessage } from '../../../schemas/registry/genesis-rules.js'
import { eventMessage } from '../../../schemas/registry/signers.js'
import { sign } from '../../crypto/sodium.js'
import { testKeyPair } from '../registry.js'

/** A value as the registry server’s clients write it: 0, schema id, record. */
export function prefixed(id: number, bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(id, 1)
  return Buffer.concat([prefix, bytes])
}

export function sealedBlock(chainId: Hash, header: Header, entries: readonly Buffer[], sealer = header.proposer) {
  const headerBytes = encodeHeader(header)
  const seal = sign(sealMessage(chainId, headerBytes), testKeyPair(sealer).secretKey)
  return { headerBytes, seal, hash: blockHash(headerBytes), record: encodeBlock(headerBytes, seal, entries) }
}

export function signedVote(chainId: Hash, vote: Vote, signer = vote.authority): Buffer {
  const bytes = encodeVote(vote)
  return encodeSignedVote(bytes, sign(voteMessage(chainId, bytes), testKeyPair(signer).secretKey))
}

export interface EventPlan {
  readonly content: EventContent
  /** Names of keys; `meter:x` signs with x’s key and an empty signer. */
  readonly signers: readonly string[]
  readonly meters?: readonly EnrolledMeter[]
  readonly id?: string
  readonly expiresAtSize?: number
  readonly sizeBefore: number
  readonly rootBefore: Hash
}

/** A record of topic `registry`, without prefix. `chainId` undefined: a genesis. */
export function registryRecord(chainId: Hash | undefined, plan: EventPlan): Buffer {
  const { content, signers, meters = [], expiresAtSize = 1_000, sizeBefore, rootBefore } = plan
  const id = sha256(Buffer.from(plan.id ?? JSON.stringify(content))).subarray(0, 16)
  const bodyBytes = encodeEventBody({ id, expiresAtSize, content })
  const message = chainId === undefined ? genesisMessage(bodyBytes) : eventMessage(chainId, bodyBytes)
  const signatures = signers.map((name) => ({
    signer: name.startsWith('meter:') ? '' : name,
    signature: sign(message, testKeyPair(name.replace('meter:', '')).secretKey),
  }))
  return encodeRegistryEvent({ bodyBytes, sizeBefore, rootBefore, signatures, meters: [...meters] })
}
