/** The Avro schemas of every record, and the only place where they are written: `npm run schemas` makes `schemas/avsc/*.avsc`
 *  from them. A record's first field is its version: `revision * 16 + kind`, so that a reader who has lost the schema
 *  registry for good still knows what stands before it. */

export const VERSION = {
  reading: 17,
  header: 18,
  vote: 19,
  registryEvent: 20,
  repair: 21,
  rejection: 22,
  checkpointLeaf: 23,
  cosignature: 24,
} as const

export type Avro = string | readonly Avro[] | { readonly [key: string]: unknown }

const record = (name: string, doc: string, fields: Record<string, Avro | { type: Avro; doc: string }>) => ({
  type: 'record',
  name,
  namespace: 'meterchain',
  doc,
  fields: Object.entries(fields).map(([field, type]) =>
    typeof type === 'object' && !Array.isArray(type) && 'doc' in type && 'type' in type && !('name' in type) && !('items' in type)
      ? { name: field, type: type.type, doc: type.doc }
      : { name: field, type },
  ),
})
const array = (items: Avro) => ({ type: 'array', items })
const fixed = (name: string, size: number) => ({ type: 'fixed', name, namespace: 'meterchain', size })
const enumeration = (name: string, symbols: readonly string[]) => ({ type: 'enum', name, namespace: 'meterchain', symbols })
const field = (type: Avro, doc: string) => ({ type, doc })

const hash = fixed('Hash', 32)
const publicKey = fixed('PublicKey', 32)
const signature = fixed('Signature', 64)
const obis = fixed('Obis', 6)

const profile = record('Profile', 'Interval data of one channel', {
  obis: field(obis, 'OBIS code A-B:C.D.E*F, one byte each'),
  unit: field('int', 'DLMS unit (IEC 62056-6-2): 30 Wh, 32 varh, 27 W'),
  scaler: field('int', 'power of ten: value * 10^scaler unit'),
  start: field('long', 'start of the first interval, seconds since 1970-01-01T00:00:00Z'),
  step: field('int', 'length of an interval, seconds'),
  values: field(array('long'), 'raw integers, one for each interval'),
  quality: field(
    array(record('QualityRun', 'So many intervals in a row are of this quality', { code: 'int', count: 'int' })),
    'ESPI quality codes in runs that cover all values; empty: all are 0, valid',
  ),
})
const register = record('Register', 'One reading of a cumulative register', {
  obis,
  unit: 'int',
  scaler: 'int',
  at: field('long', 'seconds since 1970-01-01T00:00:00Z'),
  value: 'long',
})
const reading = record('Reading', 'One message of one meter; signed is tag, chain id, and these bytes', {
  version: 'int',
  meter: 'string',
  sequence: field('long', 'from 1, one more for each message'),
  previous: field(hash, 'leaf hash of this meter’s message before; zeros for the first'),
  sentAt: field('long', 'milliseconds since 1970-01-01T00:00:00Z by the meter’s clock'),
  profiles: array(profile),
  registers: array(register),
  revises: field(['null', 'long'], 'the sequence that this message corrects'),
})
const signedReading = record('SignedReading', 'An entry: the reading’s bytes, then their Ed25519 signature', {
  reading,
  signature,
})
const readings = record('Readings', 'A record of topic readings: 1 to 1,000 signed readings of one lane', {
  readings: array(signedReading),
})

const header = record('Header', 'What a block’s hash is taken over', {
  version: 'int',
  lane: 'int',
  height: 'long',
  previous: field(hash, 'hash of the final block before'),
  root: field(hash, 'RFC 6962 root of the entries'),
  count: field('int', 'number of entries'),
  sourceEpoch: 'int',
  firstOffset: field('long', 'first offset in readings that it covers'),
  lastOffset: field('long', 'last offset that it covers; firstOffset - 1 where it covers none'),
  registrySize: field('long', 'registry events under which its entries are judged'),
  registryRoot: hash,
  sealedAt: field('long', 'milliseconds since 1970-01-01T00:00:00Z by the proposer’s clock'),
  proposer: 'string',
  attempt: 'int',
})
const block = record('Block', 'Header, the proposer’s seal of it, entries as they came', {
  header,
  seal: signature,
  entries: array('bytes'),
})

const verdict = record('Verdict', 'The entries that do not count, in rising order', {
  notCounted: array(record('NotCounted', 'An entry, from 0, and the code of its fault', { entry: 'int', code: 'int' })),
})
const vote = record('Vote', 'An authority’s judgement of one block', {
  version: 'int',
  lane: 'int',
  height: 'long',
  block: hash,
  authority: 'string',
  judgement: [
    record('Accept', 'For good', { verdictHash: hash, verdict }),
    record('Reject', 'Until the same authority accepts', { fault: 'int', detail: 'string' }),
  ],
})
const signedVote = record('SignedVote', 'The vote’s bytes, then their signature', { vote, signature })

const usagePoint = record('UsagePoint', 'Where a meter hangs; bills follow it', {
  id: 'string',
  zone: field('string', 'IANA time zone'),
  feeder: 'string',
  region: 'string',
  plan: 'string',
})
const enrolledMeter = record('EnrolledMeter', 'A leaf of an enrolment', {
  meter: 'string',
  key: publicKey,
  signer: enumeration('Signer', ['device', 'gateway', 'importer']),
  usagePoint,
})
const consensus = enumeration('Consensus', ['poa', 'pos'])
const authority = record('Authority', 'An organisation that seals and votes', { id: 'string', key: publicKey, weight: 'long' })
const content = [
  record('Genesis', 'The first event; signed by all founders', {
    network: 'string',
    createdAt: 'long',
    lanes: 'int',
    signatureProfile: 'int',
    rules: 'int',
    consensus,
    authorities: array(authority),
    predecessor: field('string', 'text of the last checkpoint of the chain that this one succeeds, or empty'),
  }),
  record('EnrolMeters', 'Up to 10,000 meters under a Merkle root; they stand beside the body', { count: 'int', root: hash }),
  record('RotateMeterKey', 'From this sequence on the meter signs with another key', {
    meter: 'string',
    fromSequence: 'long',
    key: publicKey,
  }),
  record('ResetMeter', 'The meter goes on at this sequence with this link', {
    meter: 'string',
    sequence: 'long',
    previous: hash,
  }),
  record('RetireMeter', 'From this sequence on nothing counts', { meter: 'string', fromSequence: 'long' }),
  record('AssignUsagePoint', 'From this time on the meter measures this point', {
    meter: 'string',
    validFrom: field('long', 'seconds since 1970-01-01T00:00:00Z'),
    usagePoint,
  }),
  record('AddAuthority', '', { authority }),
  record('RemoveAuthority', '', { authority: 'string' }),
  record('RotateAuthorityKey', '', { authority: 'string', key: publicKey }),
  record('SetStake', '', { authority: 'string', weight: 'long' }),
  record('SlashStake', 'Takes stake on the ground of evidence', { authority: 'string', amount: 'long', evidence: array(hash) }),
  record('SetConsensus', '', { consensus }),
  record('PublishTariff', '', { plan: 'string', validFrom: 'long', document: field('string', 'JSON') }),
  record('SetRules', 'Another version of the verdict’s rules', { rules: 'int' }),
  record('SetSourceEpoch', 'A partition of readings was lost; the lane begins it anew', { lane: 'int', epoch: 'int' }),
]
const eventBody = record('EventBody', 'What is signed, and a leaf of the registry’s log', {
  version: 'int',
  id: field(fixed('EventId', 16), 'random, against replay'),
  expiresAtSize: field('long', 'counts only while the registry holds fewer events'),
  content,
})
const registryEvent = record('RegistryEvent', 'A record of topic registry; counts only where sizeBefore and rootBefore hold', {
  body: eventBody,
  sizeBefore: 'long',
  rootBefore: hash,
  signatures: array(
    record('EventSignature', 'By an authority, or by the meter’s present key (empty signer)', { signer: 'string', signature }),
  ),
  meters: field(array(enrolledMeter), 'of an enrolment, bound by its root'),
})

const repair = record('Repair', 'What broke, and what was done; asks, and proves nothing', {
  version: 'int',
  id: 'string',
  kind: enumeration('RepairKind', ['resend', 'reseal', 'reproject', 'replay', 'restore', 'epoch', 'rebuild', 'wait', 'skip']),
  lane: field('int', '-1: none'),
  subject: 'string',
  fault: 'string',
  status: enumeration('RepairStatus', ['requested', 'completed', 'failed']),
  by: 'string',
  at: field('long', 'milliseconds since 1970-01-01T00:00:00Z'),
  tookMillis: ['null', 'long'],
  range: ['null', record('SequenceRange', 'Sequences to send again, both ends included', { from: 'long', to: 'long' })],
  detail: 'string',
})
const rejection = record('Rejection', 'What the door refused', {
  version: 'int',
  at: field('long', 'milliseconds since 1970-01-01T00:00:00Z'),
  meter: field('string', 'empty where it could not be told'),
  lane: field('int', '-1: none'),
  leaf: hash,
  fault: 'int',
  detail: 'string',
  bytes: field('bytes', 'the first 1,024 bytes of it'),
})
const checkpointLeaf = record('CheckpointLeaf', 'A leaf of the log over all lanes', {
  version: 'int',
  lane: 'int',
  height: 'long',
  block: hash,
  verdict: hash,
})
const cosignature = record('Cosignature', 'A signature of a checkpoint’s text, by an authority or a witness', {
  version: 'int',
  size: 'long',
  root: hash,
  authority: field('string', 'id of the authority, or name of the witness'),
  timestamp: field('long', 'of a witness, seconds since 1970-01-01T00:00:00Z; 0: an authority’s'),
  signature,
})

/** Avro lets a name be defined once in a schema; where it comes again only the name stands. */
function defineOnce(schema: Avro, seen = new Set<string>()): Avro {
  if (typeof schema === 'string') return schema
  if (Array.isArray(schema)) return schema.map((branch: Avro) => defineOnce(branch, seen))
  const node = schema as { readonly [key: string]: unknown }
  if (typeof node['name'] === 'string' && typeof node['namespace'] === 'string') {
    const name = `${node['namespace']}.${node['name']}`
    if (seen.has(name)) return name
    seen.add(name)
  }
  const copy: Record<string, unknown> = { ...node }
  if (Array.isArray(node['fields'])) {
    copy['fields'] = node['fields'].map((each: { type: Avro }) => ({ ...each, type: defineOnce(each.type, seen) }))
  }
  if (node['items'] !== undefined) copy['items'] = defineOnce(node['items'] as Avro, seen)
  return copy
}
const defineAll = <Name extends string>(schemas: Record<Name, Avro>): Record<Name, Avro> =>
  Object.fromEntries(Object.entries<Avro>(schemas).map(([name, schema]) => [name, defineOnce(schema)])) as Record<Name, Avro>

/** The records that stand in topics by themselves, under the names by which they are registered. */
export const AVRO_SCHEMAS = defineAll({
  Readings: readings,
  Block: block,
  SignedVote: signedVote,
  RegistryEvent: registryEvent,
  Repair: repair,
  Rejection: rejection,
  CheckpointLeaf: checkpointLeaf,
  Cosignature: cosignature,
})
export type RecordName = keyof typeof AVRO_SCHEMAS

/** Parts that are hashed or signed by themselves. */
export const PART_SCHEMAS = defineAll({
  Reading: reading,
  SignedReading: signedReading,
  Header: header,
  Vote: vote,
  Verdict: verdict,
  EventBody: eventBody,
  EnrolledMeter: enrolledMeter,
})
export type PartName = keyof typeof PART_SCHEMAS
