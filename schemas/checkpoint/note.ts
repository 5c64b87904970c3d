/** The text of a checkpoint and the lines of those who vouch for it: C2SP tlog-checkpoint, signed-note and tlog-cosignature
 *  (https://c2sp.org), so that other logs' tools and witnesses can read and cosign it. */
import { hex } from '../bytes.js'
import { type Hash, sha256 } from '../hash.js'

/** Head of the log over all lanes: how many final blocks it holds, and the root over them. */
export interface TreeHead {
  readonly size: number
  readonly root: Hash
}

/** First byte of a signature's kind: the log's own, over the text; a witness's, over the text and when it saw it. */
export const NOTE_KIND = { log: 1, cosignature: 4 } as const
export type NoteKind = (typeof NOTE_KIND)[keyof typeof NOTE_KIND]

/** Name of the log, the first line of its checkpoints and the key name of all its authorities. */
export const originOf = (chainId: Hash): string => `meterchain/${hex(chainId)}`

/** `origin LF size LF base64(root) LF` */
export function checkpointText(chainId: Hash, { size, root }: TreeHead): string {
  return `${originOf(chainId)}\n${size}\n${root.toString('base64')}\n`
}

/** What is signed: by an authority the text (`timestamp` 0), by a witness `cosignature/v1 LF time T LF text`, T in seconds. */
export function checkpointMessage(chainId: Hash, head: TreeHead, timestamp: number): Buffer {
  const text = checkpointText(chainId, head)
  return Buffer.from(timestamp === 0 ? text : `cosignature/v1\ntime ${timestamp}\n${text}`)
}

/** The first 4 bytes of `SHA-256(name ‖ LF ‖ kind ‖ public key)`. */
export function keyHash(name: string, kind: NoteKind, publicKey: Uint8Array): Buffer {
  return sha256(Buffer.from(`${name}\n`), Buffer.from([kind]), publicKey).subarray(0, 4)
}

export interface Voucher {
  /** Key name: the log's origin, or the witness's name. */
  readonly name: string
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  /** Seconds; 0: the log's own. */
  readonly timestamp: number
}

/** `— name base64(key hash ‖ signature)`, or with the time, 8 bytes, before the signature. Without the line's end. */
export function noteLine({ name, publicKey, signature, timestamp }: Voucher): string {
  const kind = timestamp === 0 ? NOTE_KIND.log : NOTE_KIND.cosignature
  const time = Buffer.alloc(timestamp === 0 ? 0 : 8)
  if (timestamp !== 0) time.writeBigUInt64BE(BigInt(timestamp))
  return `— ${name} ${Buffer.concat([keyHash(name, kind, publicKey), time, signature]).toString('base64')}`
}

/** The whole note: text, empty line, lines. */
export const noteOf = (text: string, lines: readonly string[]): string => `${text}\n${lines.map((line) => `${line}\n`).join('')}`

/** Name and key of somebody who vouches, as operators pass them around: `name+hash+base64(kind ‖ public key)` (signed-note's vkey). */
export function verifierKey(name: string, kind: NoteKind, publicKey: Uint8Array): string {
  const key = Buffer.concat([Buffer.from([kind]), publicKey]).toString('base64')
  return `${name}+${hex(keyHash(name, kind, publicKey))}+${key}`
}

export interface VerifierKey {
  readonly name: string
  readonly kind: NoteKind
  readonly publicKey: Buffer
}

/** Undefined where the text is none, or of a kind that is not known here. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text)
  if (match === null) return undefined
  const [, name = '', hash = '', base64 = ''] = match
  const bytes = Buffer.from(base64, 'base64')
  const kind = Object.values(NOTE_KIND).find((each) => each === bytes[0])
  const publicKey = bytes.subarray(1)
  if (kind === undefined || publicKey.length !== 32 || hex(keyHash(name, kind, publicKey)) !== hash) return undefined
  return { name, kind, publicKey }
}

export interface NoteLine {
  readonly name: string
  readonly keyHash: Buffer
  /** What follows the key hash. */
  readonly payload: Buffer
}

export interface Note {
  readonly text: string
  readonly origin: string
  readonly head: TreeHead
  readonly lines: readonly NoteLine[]
}

/** More lines than a chain has authorities and witnesses. */
const MAX_LINES = 1_000
const LINE = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/

/** A checkpoint from anybody's text. Undefined where it is not in form. Lines of kinds that are not known are kept. */
export function parseNote(note: string): Note | undefined {
  const split = note.indexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) return undefined
  const text = note.slice(0, split + 1)
  const [origin, size, root, ...rest] = text.slice(0, -1).split('\n')
  // further lines are extensions of the text: signed, and not ours
  if (!origin || !/^(?:0|[1-9]\d{0,15})$/.test(size ?? '') || root === undefined || rest.some((line) => line === ''))
    return undefined
  const rootBytes = Buffer.from(root, 'base64')
  if (rootBytes.length !== 32 || rootBytes.toString('base64') !== root) return undefined
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_LINES) return undefined
  const parsed = lines.map(parseLine)
  if (parsed.some((line) => line === undefined)) return undefined
  return { text, origin, head: { size: Number(size), root: rootBytes }, lines: parsed as NoteLine[] }
}

function parseLine(line: string): NoteLine | undefined {
  const match = LINE.exec(line)
  if (match === null) return undefined
  const bytes = Buffer.from(match[2] ?? '', 'base64')
  return bytes.length < 5 ? undefined : { name: match[1] ?? '', keyHash: bytes.subarray(0, 4), payload: bytes.subarray(4) }
}

/** The message, time and signature of a line where it is one of this key; undefined where it is not. */
export function signedBy(
  note: Note,
  line: NoteLine,
  { name, kind, publicKey }: VerifierKey,
): { message: Buffer; signature: Buffer; timestamp: number } | undefined {
  if (line.name !== name || !line.keyHash.equals(keyHash(name, kind, publicKey))) return undefined
  if (kind === NOTE_KIND.log) {
    return line.payload.length === 64 ? { message: Buffer.from(note.text), signature: line.payload, timestamp: 0 } : undefined
  }
  if (line.payload.length !== 72) return undefined
  const time = line.payload.readBigUInt64BE(0)
  const message = Buffer.from(`cosignature/v1\ntime ${time}\n${note.text}`)
  return { message, signature: line.payload.subarray(8), timestamp: Number(time) }
}
