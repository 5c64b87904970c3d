// One example of every record and every branch, and encodings that are not canonical, each with its reason.
import avro from 'avsc'
import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS, VERSION } from '../../../schemas/avsc.js'
import { sha256, ZERO_HASH } from '../../../schemas/hash.js'
import { LIMITS } from '../../../schemas/limits.js'
import { hourOf } from '../signed-meters.js'

const SCHEMAS: Record<string, Avro> = { ...AVRO_SCHEMAS, ...PART_SCHEMAS }
const typeOf = (record: string) => avro.Type.forSchema(SCHEMAS[record] as avro.Schema)
const hash = (text: string) => sha256(Buffer.from(text))
const signature = Buffer.concat([hash('r'), hash('s')])

const hour = hourOf('MAC000002', 7, hash('previous'))
const [profile] = hour.profiles
const full = {
  ...hour,
  profiles: [
    {
      ...profile,
      values: [0, -1, 63, 64, -64, -65, LIMITS.long, -LIMITS.long],
      quality: [
        { code: 0, count: 6 },
        { code: 8, count: 2 },
      ],
    },
    { ...profile, obis: Buffer.from([1, 1, 2, 8, 0, 255]), scaler: -3 },
  ],
  registers: [{ obis: Buffer.from([1, 0, 1, 8, 0, 255]), unit: 30, scaler: 3, at: 1_700_003_600, value: 123_456_789 }],
  revises: 6,
}
const first = hourOf('a.B_c:d-1', 1, ZERO_HASH)
const signed = { reading: hour, signature }
const header = {
  ...{ version: VERSION.header, lane: 1, height: 5, previous: hash('parent'), root: hash('root'), count: 2, sourceEpoch: 1 },
  ...{ firstOffset: 300, lastOffset: 301, registrySize: 9, registryRoot: hash('registry'), sealedAt: 1_770_000_000_000 },
  ...{ proposer: 'authority-1', attempt: 2 },
}
const empty = { ...header, count: 0, root: sha256(), firstOffset: 0, lastOffset: -1 }
const vote = (judgement: object) => {
  return { version: VERSION.vote, lane: 1, height: 5, block: hash('block'), authority: 'authority-2', judgement }
}
const accept = (notCounted: object[]) => vote({ 'meterchain.Accept': { verdictHash: hash('verdict'), verdict: { notCounted } } })
const reject = vote({ 'meterchain.Reject': { fault: 33, detail: 'größer als bekannt' } })
const usagePoint = { id: 'point-1', zone: 'Europe/London', feeder: 'feeder-1', region: 'london', plan: 'flat' }
const meter = { meter: 'MAC000002', key: hash('key'), signer: 'device', usagePoint }
const authority = { id: 'authority-1', key: hash('key'), weight: 1_000_000 }

export const CONTENTS: Record<string, object> = {
  Genesis: {
    ...{ network: 'vectors', createdAt: 1_767_225_600_000, lanes: 4, signatureProfile: 1, rules: 1, consensus: 'pos' },
    ...{ authorities: [authority, { ...authority, id: 'b', key: hash('b') }], predecessor: 'one\ntwo\n' },
  },
  EnrolMeters: { count: 1, root: hash('meters') },
  RotateMeterKey: { meter: 'm', fromSequence: 3, key: hash('new key') },
  ResetMeter: { meter: 'm', sequence: 4, previous: hash('link') },
  RetireMeter: { meter: 'm', fromSequence: 5 },
  AssignUsagePoint: { meter: 'm', validFrom: 1_700_000_000, usagePoint },
  AddAuthority: { authority },
  RemoveAuthority: { authority: 'b' },
  RotateAuthorityKey: { authority: 'b', key: hash('other') },
  SetStake: { authority: 'b', weight: 7 },
  SlashStake: { authority: 'b', amount: 3, evidence: [hash('first'), hash('second')] },
  SetConsensus: { consensus: 'poa' },
  PublishTariff: { plan: 'flat', validFrom: 0, document: '{"zones":[]}' },
  SetRules: { rules: 2 },
  SetSourceEpoch: { lane: 3, epoch: 1 },
}
const body = (kind: string) => {
  const content = { [`meterchain.${kind}`]: CONTENTS[kind] }
  return { version: VERSION.registryEvent, id: hash(kind).subarray(0, 16), expiresAtSize: 1_000, content }
}
const repair = {
  ...{ version: VERSION.repair, id: 'gap/1/MAC000002/7', kind: 'resend', lane: 1, subject: 'MAC000002', fault: 'gap' },
  ...{ status: 'requested', by: 'authority-1', at: 1_770_000_000_000, tookMillis: null, range: { from: 3, to: 6 }, detail: '' },
}

const GOOD: [string, string, object][] = [
  ['Reading', 'an hour of quarter-hours', hour],
  ['Reading', 'every field, borders of numbers', full],
  ['Reading', 'a first one', first],
  ['SignedReading', 'an entry', signed],
  ['Readings', 'a record of topic readings', { readings: [signed, { reading: first, signature }] }],
  ['Header', 'a block of two entries', header],
  ['Header', 'a block of none', empty],
  ['Block', 'two entries, one of them garbage', { header, seal: signature, entries: [Buffer.from('garbage'), Buffer.alloc(0)] }],
  ['Block', 'no entries', { header: empty, seal: signature, entries: [] }],
  ['Verdict', 'all count', { notCounted: [] }],
  [
    'Verdict',
    'two do not',
    {
      notCounted: [
        { entry: 0, code: 1 },
        { entry: 700, code: 7 },
      ],
    },
  ],
  ['Vote', 'accept', accept([{ entry: 1, code: 5 }])],
  ['Vote', 'reject', reject],
  ['SignedVote', 'accept', { vote: accept([]), signature }],
  ['SignedVote', 'reject', { vote: reject, signature }],
  ['EnrolledMeter', 'a leaf of an enrolment', meter],
  ['EnrolledMeter', 'of a gateway', { ...meter, signer: 'gateway' }],
  ['EnrolledMeter', 'of an importer', { ...meter, signer: 'importer' }],
  ...Object.keys(CONTENTS).map((kind): [string, string, object] => ['EventBody', kind, body(kind)]),
  [
    'RegistryEvent',
    'an enrolment with two signatures',
    {
      ...{ body: body('EnrolMeters'), sizeBefore: 1, rootBefore: hash('root') },
      ...{
        signatures: [
          { signer: 'authority-1', signature },
          { signer: '', signature },
        ],
        meters: [meter],
      },
    },
  ],
  ['Repair', 'requested', repair],
  [
    'Repair',
    'completed',
    { ...repair, kind: 'rebuild', lane: -1, status: 'completed', tookMillis: 250, range: null, detail: 'ä' },
  ],
  ['Repair', 'a service that was away', { ...repair, kind: 'wait', lane: -1, fault: 'broker-away', range: null }],
  ['Repair', 'garbage in a topic', { ...repair, kind: 'skip', fault: 'garbage', status: 'failed', range: null }],
  [
    'Rejection',
    'by the door',
    {
      version: VERSION.rejection,
      at: 1,
      meter: '',
      lane: -1,
      leaf: hash('leaf'),
      fault: 64,
      detail: 'x',
      bytes: Buffer.from([0, 255]),
    },
  ],
  [
    'CheckpointLeaf',
    'a final block',
    { version: VERSION.checkpointLeaf, lane: 1, height: 5, block: hash('block'), verdict: hash('verdict') },
  ],
  [
    'Cosignature',
    'of a checkpoint',
    { version: VERSION.cosignature, size: 9, root: hash('root'), authority: 'authority-1', timestamp: 1_770_000_000, signature },
  ],
]

export const recordVectors = () =>
  GOOD.map(([record, name, value]) => ({ record, name, bytes: typeOf(record).toBuffer(value), value }))

const bytesOf = (record: string, value: object): Buffer => typeOf(record).toBuffer(value)
/** `bytes` with those at `at` replaced. */
const put = (bytes: Buffer, at: number, remove: number, text: string) =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(text, 'hex'), bytes.subarray(at + remove)])
const verdict = (text: string) => Buffer.from(text, 'hex')

/** Encodings that Avro’s own decoders mostly take, and this protocol does not. */
export function malformedVectors() {
  const reading = bytesOf('Reading', hour)
  const entry = bytesOf('SignedReading', signed)
  const event = bytesOf('EventBody', body('SetRules'))
  const branchAt = event.length - 2
  const rejected = bytesOf('Vote', vote({ 'meterchain.Reject': { fault: 33, detail: 'ab' } }))
  const cases: [string, string, Buffer][] = [
    ['Verdict', 'a varint that is not minimal: 0 in two bytes', verdict('8000')],
    ['Verdict', 'a varint that is not minimal: count 1 in two bytes', verdict('8200000200')],
    ['Verdict', 'two array blocks', verdict('02000202020400')],
    ['Verdict', 'a negative count with the block’s size', verdict('0104000200')],
    ['Verdict', 'a count beyond the bytes', verdict('feffffff0f0002')],
    ['Verdict', 'an array without an end', verdict('020002')],
    ['Verdict', 'an int beyond 32 bits', verdict('0280808080100200')],
    ['Verdict', 'a varint without an end', verdict('0280')],
    ['Verdict', 'nothing', verdict('')],
    ['Verdict', 'something after the end', verdict('0000')],
    ['Reading', 'something after the end', Buffer.concat([reading, Buffer.alloc(1)])],
    ['Reading', 'cut off', reading.subarray(0, -1)],
    ['Reading', 'text that is not UTF-8', put(reading, 2, 1, 'ff')],
    ['Reading', 'text with a surrogate', put(reading, 2, 3, 'eda080')],
    ['Reading', 'text in an overlong form', put(reading, 2, 2, 'c1a1')],
    ['Reading', 'text of a negative length', put(reading, 1, 1, '01')],
    ['Reading', 'text longer than what is there', put(reading, 1, 1, 'fe7f')],
    ['Reading', 'an unknown branch of a union', put(reading, reading.length - 1, 1, '04')],
    ['Reading', 'a branch that is not minimal', put(reading, reading.length - 1, 1, '8000')],
    ['Reading', 'a long of 2^52', put(bytesOf('Reading', { ...hour, revises: 1 }), reading.length, 1, '8080808080808010')],
    ['Reading', 'a long of -2^52', put(bytesOf('Reading', { ...hour, revises: 1 }), reading.length, 1, 'ffffffffffffff0f')],
    [
      'Reading',
      'a long of nine bytes',
      put(bytesOf('Reading', { ...hour, revises: 1 }), reading.length, 1, '808080808080808001'),
    ],
    ['SignedReading', 'a signature that is cut off', entry.subarray(0, -1)],
    ['EventBody', 'a content that is not known', put(event, branchAt, 1, '1e')],
    ['EventBody', 'a negative branch', put(event, branchAt, 1, '01')],
    ['EnrolledMeter', 'a kind of signer that is not known', put(bytesOf('EnrolledMeter', meter), 42, 1, '06')],
    ['Vote', 'a text that is cut off', rejected.subarray(0, -1)],
  ]
  return cases.map(([record, name, bytes]) => ({ record, name, bytes }))
}
