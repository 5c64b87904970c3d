/** Every record of the protocol, decoded, and the way between these and their canonical bytes. Decoders never throw on input:
 *  what is not canonical is `undefined`. What is signed or hashed is always the slice as it was received. */
import avro from 'avsc'
import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS, type PartName, type RecordName, VERSION } from './avsc.js'
import { itemEnds, sliceItems, type Walk, walkOf } from './canonical.js'
import { LIMITS } from './limits.js'

export interface Profile {
  obis: Buffer
  unit: number
  scaler: number
  start: number
  step: number
  values: number[]
  quality: { code: number; count: number }[]
}
export interface Register {
  obis: Buffer
  unit: number
  scaler: number
  at: number
  value: number
}
export interface Reading {
  version: number
  meter: string
  sequence: number
  previous: Buffer
  sentAt: number
  profiles: Profile[]
  registers: Register[]
  revises: number | null
}
/** A reading without its link. */
export type Measured = Omit<Reading, 'previous'>
export interface SignedReading {
  reading: Reading
  signature: Buffer
}
export interface Header {
  lane: number
  height: bigint
  previous: Buffer
  root: Buffer
  count: number
  sourceEpoch: number
  firstOffset: bigint
  lastOffset: bigint
  registrySize: number
  registryRoot: Buffer
  sealedAt: number
  proposer: string
  attempt: number
}
export interface Block {
  header: Header
  /** The bytes that the hash and the seal are taken over. */
  headerBytes: Buffer
  seal: Buffer
  entries: Buffer[]
}
export interface NotCounted {
  entry: number
  code: number
}
export type Judgement =
  | { kind: 'accept'; verdictHash: Buffer; notCounted: NotCounted[] }
  | { kind: 'reject'; fault: number; detail: string }
export interface Vote {
  lane: number
  height: bigint
  block: Buffer
  authority: string
  judgement: Judgement
}
export interface SignedVote {
  vote: Vote
  voteBytes: Buffer
  signature: Buffer
}
export interface UsagePoint {
  id: string
  zone: string
  feeder: string
  region: string
  plan: string
}
export type SignerKind = 'device' | 'gateway' | 'importer'
export interface EnrolledMeter {
  meter: string
  key: Buffer
  signer: SignerKind
  usagePoint: UsagePoint
}
export type ConsensusKind = 'poa' | 'pos'
export interface Authority {
  id: string
  key: Buffer
  weight: number
}
export interface Genesis {
  kind: 'Genesis'
  network: string
  createdAt: number
  lanes: number
  signatureProfile: number
  rules: number
  consensus: ConsensusKind
  authorities: Authority[]
  predecessor: string
}
export type EventContent =
  | Genesis
  | { kind: 'EnrolMeters'; count: number; root: Buffer }
  | { kind: 'RotateMeterKey'; meter: string; fromSequence: number; key: Buffer }
  | { kind: 'ResetMeter'; meter: string; sequence: number; previous: Buffer }
  | { kind: 'RetireMeter'; meter: string; fromSequence: number }
  | { kind: 'AssignUsagePoint'; meter: string; validFrom: number; usagePoint: UsagePoint }
  | { kind: 'AddAuthority'; authority: Authority }
  | { kind: 'RemoveAuthority'; authority: string }
  | { kind: 'RotateAuthorityKey'; authority: string; key: Buffer }
  | { kind: 'SetStake'; authority: string; weight: number }
  | { kind: 'SlashStake'; authority: string; amount: number; evidence: Buffer[] }
  | { kind: 'SetConsensus'; consensus: ConsensusKind }
  | { kind: 'PublishTariff'; plan: string; validFrom: number; document: string }
  | { kind: 'SetRules'; rules: number }
  | { kind: 'SetSourceEpoch'; lane: number; epoch: number }
export interface EventBody {
  id: Buffer
  expiresAtSize: number
  content: EventContent
}
export interface EventSignature {
  /** An authority’s id, or empty: the key that the meter has now. */
  signer: string
  signature: Buffer
}
export interface RegistryEvent {
  body: EventBody
  /** What is signed, and the leaf of the registry’s log. */
  bodyBytes: Buffer
  sizeBefore: number
  rootBefore: Buffer
  signatures: EventSignature[]
  meters: EnrolledMeter[]
}
export type RepairKind = 'resend' | 'reseal' | 'reproject' | 'replay' | 'restore' | 'epoch' | 'rebuild' | 'wait' | 'skip'
export interface Repair {
  id: string
  kind: RepairKind
  lane: number
  subject: string
  fault: string
  status: 'requested' | 'completed' | 'failed'
  by: string
  at: number
  tookMillis: number | null
  range: { from: number; to: number } | null
  detail: string
}
export interface Rejection {
  at: number
  meter: string
  lane: number
  leaf: Buffer
  fault: number
  detail: string
  bytes: Buffer
}
export interface CheckpointLeaf {
  lane: number
  height: bigint
  block: Buffer
  verdict: Buffer
}
export interface Cosignature {
  size: number
  root: Buffer
  authority: string
  timestamp: number
  signature: Buffer
}

interface Codec<T> {
  walk: Walk
  /** The value in all of `bytes`, or undefined where they are not canonical. */
  decode(bytes: Buffer): T | undefined
  encode(value: T): Buffer
}

/** avsc may only see what the walk let through; its `T` is our schema’s own shape, which the types above repeat. */
function codec<T>(schema: Avro): Codec<T> {
  const walk = walkOf(schema)
  const type = avro.Type.forSchema(schema as avro.Schema)
  return {
    walk,
    decode: (bytes) => (walk(bytes, 0) === bytes.length ? (type.fromBuffer(bytes) as T) : undefined),
    encode: (value) => type.toBuffer(value),
  }
}
const part = <T>(name: PartName) => codec<T>(PART_SCHEMAS[name])
const topicRecord = <T>(name: RecordName) => codec<T>(AVRO_SCHEMAS[name])

/** Adds the version on the way out, and takes it off, if it is the one we know, on the way in. */
function versioned<T extends object>(inner: Codec<T & { version: number }>, version: number): Codec<T> {
  return {
    walk: inner.walk,
    decode: (bytes) => {
      const value = inner.decode(bytes)
      if (value === undefined || value.version !== version) return undefined
      const { version: _version, ...rest } = value
      return rest as unknown as T
    },
    encode: (value) => inner.encode({ version, ...value }),
  }
}

// --- readings ---------------------------------------------------------------------------------------------------------------

const readingCodec = part<Reading>('Reading')
const signedReadingCodec = part<SignedReading>('SignedReading')
export const SIGNATURE_BYTES = 64

/** The bytes that a meter signs. Throws where a value does not fit its Avro type. */
export function encodeReading(reading: Reading): Buffer {
  return readingCodec.encode(reading)
}

/** An entry, decoded; undefined where it is not canonical or of a version that we do not know. Limits: `checkReading`. */
export function decodeSignedReading(entry: Buffer): SignedReading | undefined {
  if (entry.length > LIMITS.readingBytes) return undefined
  const signed = signedReadingCodec.decode(entry)
  return signed?.reading.version === VERSION.reading ? signed : undefined
}

// of what the walk let through, avsc leaves out what this schema lacks
const signedReadingSchema = PART_SCHEMAS.SignedReading as unknown as avro.schema.RecordType
const measuredType = avro.Type.forSchema(withoutFields(signedReadingSchema, ['signature', 'previous']))
const measuredResolver = measuredType.createResolver(avro.Type.forSchema(signedReadingSchema))

function withoutFields(schema: avro.schema.RecordType, names: readonly string[]): avro.schema.RecordType {
  const inner = (type: avro.Schema): avro.Schema =>
    typeof type === 'object' && 'fields' in type ? withoutFields(type as avro.schema.RecordType, names) : type
  const fields = schema.fields.filter(({ name }) => !names.includes(name))
  return { ...schema, fields: fields.map((each) => ({ ...each, type: inner(each.type) })) }
}

/** The same without link and signature, for whoever has no use for them: each is a copy, and an hour decodes in two thirds of the time. */
export function decodeMeasured(entry: Buffer): Measured | undefined {
  if (entry.length > LIMITS.readingBytes || signedReadingCodec.walk(entry, 0) !== entry.length) return undefined
  const { reading } = measuredType.fromBuffer(entry, measuredResolver) as { reading: Measured }
  return reading.version === VERSION.reading ? reading : undefined
}

/** The part of an entry that was signed. */
export const signedPart = (entry: Buffer): Buffer => entry.subarray(0, entry.length - SIGNATURE_BYTES)
export const signaturePart = (entry: Buffer): Buffer => entry.subarray(entry.length - SIGNATURE_BYTES)

/** A record of `readings` (without the registry prefix) from 1 to 1,000 entries as they are. */
export function joinEntries(entries: readonly Buffer[]): Buffer {
  if (entries.length === 0 || entries.length > LIMITS.readingsPerRecord)
    throw new RangeError(`${entries.length} readings in a record`)
  return Buffer.concat([encodeCount(entries.length), ...entries, Buffer.from([0])])
}

function encodeCount(count: number): Buffer {
  const bytes: number[] = []
  let rest = count * 2
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** The entries of a record of `readings`, from its value as it stands in the topic. A record that is not in order is one entry:
 *  its whole value without the registry prefix. Slices, not copies. */
export function splitEntries(value: Buffer | null): Buffer[] {
  const bytes = stripPrefix(value ?? Buffer.alloc(0))
  const ends = itemEnds(bytes, 0, signedReadingCodec.walk, LIMITS.readingsPerRecord)
  if (ends === undefined) return [bytes]
  const entries: Buffer[] = []
  for (let i = 1; i < ends.length; i++) entries.push(bytes.subarray(ends[i - 1], ends[i]))
  return entries
}

/** The value without the five bytes (0, schema id) by which the registry’s clients name its schema. None of our records begins
 *  with a zero byte, so a value without the prefix is told apart. */
export function stripPrefix(value: Buffer): Buffer {
  return value.length >= 5 && value[0] === 0 ? value.subarray(5) : value
}

// --- chain ------------------------------------------------------------------------------------------------------------------

interface AvroHeader extends Omit<Header, 'height' | 'firstOffset' | 'lastOffset'> {
  version: number
  height: number
  firstOffset: number
  lastOffset: number
}
const headerCodec = part<AvroHeader>('Header')

export function encodeHeader(header: Header): Buffer {
  return headerCodec.encode({
    version: VERSION.header,
    ...header,
    height: Number(header.height),
    firstOffset: Number(header.firstOffset),
    lastOffset: Number(header.lastOffset),
  })
}

function headerOf(avroHeader: AvroHeader): Header | undefined {
  const { version, ...header } = avroHeader
  if (version !== VERSION.header) return undefined
  return {
    ...header,
    height: BigInt(header.height),
    firstOffset: BigInt(header.firstOffset),
    lastOffset: BigInt(header.lastOffset),
  }
}

export function decodeHeader(bytes: Buffer): Header | undefined {
  const header = headerCodec.decode(bytes)
  return header === undefined ? undefined : headerOf(header)
}

/** The header’s own bytes within a block’s record (no registry prefix), of which the first 1,024 bytes are enough. */
export function headerPart(record: Buffer): Buffer | undefined {
  const end = headerCodec.walk(record, 0)
  return end < 0 ? undefined : record.subarray(0, end)
}

/** A block’s record, without the registry prefix: the header’s own bytes, seal, entries. */
export function encodeBlock(headerBytes: Buffer, seal: Buffer, entries: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [headerBytes, seal]
  if (entries.length > 0) {
    parts.push(encodeCount(entries.length))
    for (const entry of entries) parts.push(encodeCount(entry.length), entry)
  }
  parts.push(Buffer.from([0]))
  return Buffer.concat(parts)
}

interface AvroVote extends Omit<Vote, 'height' | 'judgement'> {
  version: number
  height: number
  judgement:
    | { 'meterchain.Accept': { verdictHash: Buffer; verdict: { notCounted: NotCounted[] } } }
    | { 'meterchain.Reject': { fault: number; detail: string } }
}
const voteCodec = part<AvroVote>('Vote')
const signedVoteCodec = topicRecord<{ vote: AvroVote; signature: Buffer }>('SignedVote')
const verdictCodec = part<{ notCounted: NotCounted[] }>('Verdict')

export const encodeVerdict = (notCounted: NotCounted[]): Buffer => verdictCodec.encode({ notCounted })

export function encodeVote(vote: Vote): Buffer {
  const judgement: AvroVote['judgement'] =
    vote.judgement.kind === 'accept'
      ? {
          'meterchain.Accept': { verdictHash: vote.judgement.verdictHash, verdict: { notCounted: vote.judgement.notCounted } },
        }
      : { 'meterchain.Reject': { fault: vote.judgement.fault, detail: vote.judgement.detail } }
  return voteCodec.encode({ version: VERSION.vote, ...vote, height: Number(vote.height), judgement })
}

export const encodeSignedVote = (voteBytes: Buffer, signature: Buffer): Buffer => Buffer.concat([voteBytes, signature])

function judgementOf(judgement: AvroVote['judgement']): Judgement {
  if ('meterchain.Accept' in judgement) {
    const { verdictHash, verdict } = judgement['meterchain.Accept']
    return { kind: 'accept', verdictHash, notCounted: verdict.notCounted }
  }
  return { kind: 'reject', ...judgement['meterchain.Reject'] }
}

export type ChainRecord = ({ kind: 'block' } & Block) | ({ kind: 'vote' } & SignedVote)

/** A record of `chain` or `checkpoints` from its value in the topic. Entries are slices of it, not copies. */
export function decodeChainRecord(value: Buffer | null): ChainRecord | undefined {
  if (value === null) return undefined
  const bytes = stripPrefix(value)
  return decodeBlock(bytes) ?? decodeVote(bytes)
}

function decodeBlock(bytes: Buffer): ({ kind: 'block' } & Block) | undefined {
  if (bytes[0] !== VERSION.header * 2) return undefined
  const headerBytes = headerPart(bytes)
  const header = headerBytes && decodeHeader(headerBytes)
  if (headerBytes === undefined || header === undefined) return undefined
  const sealEnd = headerBytes.length + SIGNATURE_BYTES
  // avsc would copy each entry: a third of what folding a block takes
  const entries = sliceItems(bytes, sealEnd)
  return entries && { kind: 'block', header, headerBytes, seal: bytes.subarray(headerBytes.length, sealEnd), entries }
}

function decodeVote(bytes: Buffer): ({ kind: 'vote' } & SignedVote) | undefined {
  if (bytes[0] !== VERSION.vote * 2) return undefined
  const signed = signedVoteCodec.decode(bytes)
  if (signed === undefined || signed.vote.version !== VERSION.vote) return undefined
  const { version: _version, height, judgement, ...rest } = signed.vote
  const vote: Vote = { ...rest, height: BigInt(height), judgement: judgementOf(judgement) }
  return { kind: 'vote', vote, voteBytes: signedPart(bytes), signature: signed.signature }
}

// --- registry ---------------------------------------------------------------------------------------------------------------

interface AvroBody {
  version: number
  id: Buffer
  expiresAtSize: number
  content: Record<string, object>
}
const bodyCodec = part<AvroBody>('EventBody')
const eventCodec = topicRecord<{
  body: AvroBody
  sizeBefore: number
  rootBefore: Buffer
  signatures: EventSignature[]
  meters: EnrolledMeter[]
}>('RegistryEvent')
const enrolledMeterCodec = part<EnrolledMeter>('EnrolledMeter')

/** An enrolled meter’s bytes: a leaf under its enrolment’s root. */
export const encodeEnrolledMeter = (meter: EnrolledMeter): Buffer => enrolledMeterCodec.encode(meter)
export const decodeEnrolledMeter = (bytes: Buffer): EnrolledMeter | undefined => enrolledMeterCodec.decode(bytes)

export function encodeEventBody(body: EventBody): Buffer {
  const { kind, ...content } = body.content
  return bodyCodec.encode({ version: VERSION.registryEvent, ...body, content: { [`meterchain.${kind}`]: content } })
}

function bodyOf(body: AvroBody): EventBody | undefined {
  const [branch] = Object.entries(body.content)
  if (body.version !== VERSION.registryEvent || branch === undefined) return undefined
  const kind = branch[0].slice('meterchain.'.length)
  return { id: body.id, expiresAtSize: body.expiresAtSize, content: { ...branch[1], kind } as EventContent }
}

export function decodeEventBody(bytes: Buffer): EventBody | undefined {
  const body = bodyCodec.decode(bytes)
  return body === undefined ? undefined : bodyOf(body)
}

/** A record of `registry`, without the registry server’s prefix. `bodyBytes` stand in it as they were signed. */
export function encodeRegistryEvent(event: Omit<RegistryEvent, 'body'>): Buffer {
  const body = bodyCodec.decode(event.bodyBytes)
  if (body === undefined) throw new RangeError('the body of a registry event is not canonical')
  const { sizeBefore, rootBefore, signatures, meters } = event
  return eventCodec.encode({ body, sizeBefore, rootBefore, signatures, meters })
}

export function decodeRegistryEvent(value: Buffer | null): RegistryEvent | undefined {
  if (value === null) return undefined
  const bytes = stripPrefix(value)
  const event = eventCodec.decode(bytes)
  const body = event === undefined ? undefined : bodyOf(event.body)
  if (event === undefined || body === undefined) return undefined
  return { ...event, body, bodyBytes: bytes.subarray(0, bodyCodec.walk(bytes, 0)) }
}

// --- repairs, rejections, checkpoints ---------------------------------------------------------------------------------------

const repairCodec = versioned<Repair>(topicRecord('Repair'), VERSION.repair)
const rejectionCodec = versioned<Rejection>(topicRecord('Rejection'), VERSION.rejection)
const cosignatureCodec = versioned<Cosignature>(topicRecord('Cosignature'), VERSION.cosignature)
const checkpointLeafCodec = versioned<Omit<CheckpointLeaf, 'height'> & { height: number }>(
  topicRecord('CheckpointLeaf'),
  VERSION.checkpointLeaf,
)

/** A repair’s id and range come as avsc gives them: `range` is wrapped by no name, for one branch of its union is null. */
export const encodeRepair = (repair: Repair): Buffer => repairCodec.encode(repair)
export const decodeRepair = (value: Buffer | null): Repair | undefined =>
  value === null ? undefined : repairCodec.decode(stripPrefix(value))
export const encodeRejection = (rejection: Rejection): Buffer => rejectionCodec.encode(rejection)
export const decodeRejection = (value: Buffer | null): Rejection | undefined =>
  value === null ? undefined : rejectionCodec.decode(stripPrefix(value))
export const encodeCosignature = (cosignature: Cosignature): Buffer => cosignatureCodec.encode(cosignature)
/** A time before 1970 is no record: a note has no place for it. */
export function decodeCosignature(value: Buffer | null): Cosignature | undefined {
  const cosignature = value === null ? undefined : cosignatureCodec.decode(stripPrefix(value))
  return cosignature === undefined || cosignature.timestamp < 0 ? undefined : cosignature
}
export const encodeCheckpointLeaf = (leaf: CheckpointLeaf): Buffer =>
  checkpointLeafCodec.encode({ ...leaf, height: Number(leaf.height) })
export function decodeCheckpointLeaf(bytes: Buffer): CheckpointLeaf | undefined {
  const leaf = checkpointLeafCodec.decode(bytes)
  return leaf === undefined ? undefined : { ...leaf, height: BigInt(leaf.height) }
}
