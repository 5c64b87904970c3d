// Domain tags: what is signed or hashed for one purpose can never be taken for another. The version is the protocol's.
// Each ends in NUL, so none is a prefix of another.

/** The tags as bytes. Not to be written to. */
export const TAGS = {
  reading: tag('reading'),
  blockHash: tag('block-hash'),
  blockSeal: tag('block-seal'),
  vote: tag('vote'),
  registry: tag('registry'),
  genesis: tag('genesis'),
  lane: tag('lane'),
  verdict: tag('verdict'),
  turn: tag('turn'),
  checkpoint: tag('checkpoint'),
} as const

function tag(name: string): Buffer {
  return Buffer.from(`meterchain/1/${name}\0`, 'ascii')
}

/** What a signature is over: `tag ‖ chain id ‖ bytes`. */
export function signedMessage(tag: Uint8Array, chainId: Uint8Array, bytes: Uint8Array): Buffer {
  return Buffer.concat([tag, chainId, bytes])
}

const FIRST_CAPACITY = 1024

/** `signedMessage` for the hot path: one growing buffer instead of one for each message.
 *  What the returned function gives is valid until its next call. */
export function messageBuilder(tag: Uint8Array, chainId: Uint8Array): (bytes: Uint8Array) => Buffer {
  const prefix = Buffer.concat([tag, chainId])
  let scratch = Buffer.alloc(FIRST_CAPACITY)
  prefix.copy(scratch)
  return (bytes) => {
    const length = prefix.length + bytes.length
    if (length > scratch.length) {
      scratch = Buffer.alloc(Math.max(length, 2 * scratch.length))
      prefix.copy(scratch)
    }
    scratch.set(bytes, prefix.length)
    return scratch.subarray(0, length)
  }
}
