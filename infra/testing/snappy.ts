/** Snappy's raw format with literals alone: valid for every reader that has the codec, and made without one. */

const LONGEST_LITERAL = 65_536
/** Two bytes of length follow. */
const TWO_BYTES = 61 << 2

export function snappyLiterals(bytes: Buffer): Buffer {
  const parts = [varint(bytes.length)]
  for (let at = 0; at < bytes.length; at += LONGEST_LITERAL) {
    const literal = bytes.subarray(at, at + LONGEST_LITERAL)
    const tag = Buffer.alloc(3)
    tag.writeUInt8(TWO_BYTES)
    tag.writeUInt16LE(literal.length - 1, 1)
    parts.push(tag, literal)
  }
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}
