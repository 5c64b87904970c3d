/** What an authority puts into the log of blocks and votes, signed by its key: records without the registry prefix. */
import { sealMessage, voteMessage } from '../../schemas/lane-fold.js'
import { encodeBlock, encodeHeader, encodeSignedVote, encodeVote, type Header, type Vote } from '../../schemas/records.js'
import { sign } from '../crypto/sodium.js'
import type { AuthorityKey } from '../keys.js'

type Signer = Pick<AuthorityKey, 'secretKey'>

export function sealBlock(chainId: Buffer, header: Header, entries: readonly Buffer[], { secretKey }: Signer): Buffer {
  const headerBytes = encodeHeader(header)
  return encodeBlock(headerBytes, sign(sealMessage(chainId, headerBytes), secretKey), entries)
}

export function signVote(chainId: Buffer, vote: Vote, { secretKey }: Signer): Buffer {
  const voteBytes = encodeVote(vote)
  return encodeSignedVote(voteBytes, sign(voteMessage(chainId, voteBytes), secretKey))
}
