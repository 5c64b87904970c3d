/** Raw bytes. Buffers that outlive a Kafka batch are copied by whoever keeps them. */
export type Bytes = Buffer

/** Whether both hold the same bytes. Not constant-time: nothing compared here is a secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** Lower-case hexadecimal text of `bytes`. */
export function hex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex')
}

const HEX = /^(?:[0-9a-fA-F]{2})*$/

/** Bytes of hexadecimal text, either case. Throws RangeError where `text` is not hexadecimal, or not of `length` bytes. */
export function fromHex(text: string, length?: number): Buffer {
  if (!HEX.test(text)) throw new RangeError(`not hexadecimal: ${JSON.stringify(text.slice(0, 80))}`)
  const bytes = Buffer.from(text, 'hex')
  if (length !== undefined && bytes.length !== length)
    throw new RangeError(`expected ${length} bytes in hexadecimal, found ${bytes.length}`)
  return bytes
}

/** The same memory as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
