import { describe, expect, test } from '@jest/globals'
import { VERSION } from './avsc.js'
import * as records from './records.js'

const reading: records.Reading = {
  version: VERSION.reading,
  meter: 'MAC000002',
  sequence: 7,
  previous: Buffer.alloc(32, 1),
  sentAt: 1_700_000_000_000,
  profiles: [
    {
      obis: Buffer.from([1, 0, 1, 8, 0, 255]),
      unit: 30,
      scaler: 0,
      start: 1_700_000_000,
      step: 900,
      values: [1, 200, 300, 4],
      quality: [],
    },
  ],
  registers: [],
  revises: null,
}

test('an hour of quarter-hours is below 200 bytes, signature included', () => {
  const entry = Buffer.concat([records.encodeReading(reading), Buffer.alloc(64, 2)])
  expect(entry.length).toBeLessThan(200)
  expect(records.decodeSignedReading(entry)?.reading).toEqual(reading)
  const value = records.joinEntries([entry, entry])
  expect(records.splitEntries(value)).toEqual([entry, entry])
  expect(records.splitEntries(Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), value]))).toEqual([entry, entry])
})
describe('round trips', () => {
  test('a block', () => {
    const header: records.Header = {
      lane: 1,
      height: 5n,
      previous: Buffer.alloc(32),
      root: Buffer.alloc(32, 3),
      count: 2,
      sourceEpoch: 0,
      firstOffset: 0n,
      lastOffset: -1n,
      registrySize: 3,
      registryRoot: Buffer.alloc(32),
      sealedAt: 5,
      proposer: 'a',
      attempt: 0,
    }
    const bytes = records.encodeBlock(records.encodeHeader(header), Buffer.alloc(64, 9), [Buffer.from('x'), Buffer.alloc(300)])
    expect(records.decodeChainRecord(bytes)).toEqual({
      kind: 'block',
      header,
      headerBytes: records.encodeHeader(header),
      seal: Buffer.alloc(64, 9),
      entries: [Buffer.from('x'), Buffer.alloc(300)],
    })
  })
  test('votes', () => {
    for (const judgement of [
      { kind: 'accept', verdictHash: Buffer.alloc(32, 4), notCounted: [{ entry: 3, code: 1 }] },
      { kind: 'reject', fault: 33, detail: 'x' },
    ] as const) {
      const vote: records.Vote = {
        lane: 1,
        height: 5n,
        block: Buffer.alloc(32),
        authority: 'a',
        judgement: judgement.kind === 'accept' ? { ...judgement, notCounted: [...judgement.notCounted] } : judgement,
      }
      const voteBytes = records.encodeVote(vote)
      expect(records.decodeChainRecord(records.encodeSignedVote(voteBytes, Buffer.alloc(64, 1)))).toEqual({
        kind: 'vote',
        vote,
        voteBytes,
        signature: Buffer.alloc(64, 1),
      })
    }
  })
  test('registry events', () => {
    const body: records.EventBody = {
      id: Buffer.alloc(16, 1),
      expiresAtSize: 9,
      content: { kind: 'RetireMeter', meter: 'm', fromSequence: 3 },
    }
    const bodyBytes = records.encodeEventBody(body)
    const event = {
      bodyBytes,
      sizeBefore: 1,
      rootBefore: Buffer.alloc(32),
      signatures: [{ signer: 'a', signature: Buffer.alloc(64) }],
      meters: [
        {
          meter: 'm',
          key: Buffer.alloc(32),
          signer: 'device' as const,
          usagePoint: { id: 'p', zone: 'UTC', feeder: '', region: '', plan: '' },
        },
      ],
    }
    expect(records.decodeRegistryEvent(records.encodeRegistryEvent(event))).toEqual({ ...event, body })
  })
  test('repairs', () => {
    const repair: records.Repair = {
      id: 'i',
      kind: 'resend',
      lane: 1,
      subject: 'm',
      fault: 'gap',
      status: 'requested',
      by: 'v',
      at: 1,
      tookMillis: null,
      range: { from: 1, to: 2 },
      detail: '',
    }
    expect(records.decodeRepair(records.encodeRepair(repair))).toEqual(repair)
  })
})

const hash = (fill: number) => Buffer.alloc(32, fill)
const framedWith = (id: number, value: Buffer) => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(id, 1)
  return Buffer.concat([prefix, value])
}
const rejection: records.Rejection = {
  ...{ at: 1_700_000_000_000, meter: 'm', lane: -1, leaf: hash(1), fault: 5, detail: 'ä', bytes: Buffer.from('x') },
}
const cosignature: records.Cosignature = {
  ...{ size: 9, root: hash(2), authority: 'a', timestamp: 1_700_000_000, signature: Buffer.alloc(64, 3) },
}
const leaf: records.CheckpointLeaf = { lane: 2, height: 7n, block: hash(3), verdict: hash(4) }
const header: records.Header = {
  ...{ lane: 1, height: 5n, previous: hash(0), root: hash(3), count: 0, sourceEpoch: 0, firstOffset: 0n, lastOffset: -1n },
  ...{ registrySize: 3, registryRoot: hash(0), sealedAt: 5, proposer: 'a', attempt: 0 },
}
const vote: records.Vote = {
  ...{ lane: 1, height: 5n, block: hash(0), authority: 'a', judgement: { kind: 'reject', fault: 33, detail: 'x' } },
}

describe('records that stand beside the chain', () => {
  test('come back as they were', () => {
    expect(records.decodeRejection(records.encodeRejection(rejection))).toEqual(rejection)
    expect(records.decodeCosignature(records.encodeCosignature(cosignature))).toEqual(cosignature)
    expect(records.decodeCheckpointLeaf(records.encodeCheckpointLeaf(leaf))).toEqual(leaf)
    expect(records.decodeHeader(records.encodeHeader(header))).toEqual(header)
  })

  test('come back with the registry’s prefix before them', () => {
    expect(records.decodeRejection(framedWith(7, records.encodeRejection(rejection)))).toEqual(rejection)
    expect(records.decodeCosignature(framedWith(8, records.encodeCosignature(cosignature)))).toEqual(cosignature)
  })
})

test('a signature of a head before 1970 is no record: no note has a place for its time', () => {
  const at = (timestamp: number) => records.decodeCosignature(records.encodeCosignature({ ...cosignature, timestamp }))
  expect([at(-1), at(-(2 ** 50)), at(0)?.timestamp]).toEqual([undefined, undefined, 0])
})

describe('what is not there, or is not known, is no record, and never an exception', () => {
  const decoders: [string, (value: Buffer | null) => unknown, Buffer][] = [
    ['chain: a block', records.decodeChainRecord, records.encodeBlock(records.encodeHeader(header), Buffer.alloc(64), [])],
    ['chain: a vote', records.decodeChainRecord, records.encodeSignedVote(records.encodeVote(vote), Buffer.alloc(64))],
    [
      'repairs',
      records.decodeRepair,
      records.encodeRepair({
        ...{ id: 'i', kind: 'restore', lane: -1, subject: '', fault: '', status: 'failed', by: '', at: 0 },
        ...{ tookMillis: 4, range: null, detail: '' },
      }),
    ],
    ['rejections', records.decodeRejection, records.encodeRejection(rejection)],
    ['checkpoints', records.decodeCosignature, records.encodeCosignature(cosignature)],
    [
      'registry',
      records.decodeRegistryEvent,
      records.encodeRegistryEvent({
        bodyBytes: records.encodeEventBody({ id: Buffer.alloc(16), expiresAtSize: 9, content: { kind: 'SetRules', rules: 2 } }),
        ...{ sizeBefore: 0, rootBefore: hash(0), signatures: [], meters: [] },
      }),
    ],
  ]
  test.each(decoders)('%s', (_, decode, bytes) => {
    expect(decode(bytes)).toBeDefined()
    // 0x42 is version 33: the next revision of a reading
    const otherVersion = Buffer.concat([Buffer.from([0x42]), bytes.subarray(1)])
    const long = Buffer.concat([bytes, Buffer.alloc(1)])
    for (const bad of [null, Buffer.alloc(0), Buffer.alloc(7), otherVersion, long, bytes.subarray(0, -1)]) {
      expect(decode(bad)).toBeUndefined()
    }
  })

  test('a header, a leaf, a body, an enrolled meter, a reading of another version or cut off', () => {
    const body = records.encodeEventBody({ id: Buffer.alloc(16), expiresAtSize: 9, content: { kind: 'SetRules', rules: 2 } })
    const cut = (bytes: Buffer) => [Buffer.concat([Buffer.from([0x42]), bytes.subarray(1)]), bytes.subarray(0, -1)]
    for (const bad of cut(records.encodeHeader(header))) expect(records.decodeHeader(bad)).toBeUndefined()
    for (const bad of cut(records.encodeCheckpointLeaf(leaf))) expect(records.decodeCheckpointLeaf(bad)).toBeUndefined()
    for (const bad of cut(body)) expect(records.decodeEventBody(bad)).toBeUndefined()
    expect(records.decodeEnrolledMeter(Buffer.alloc(3))).toBeUndefined()
    const other = records.encodeReading({ ...reading, version: 33 })
    expect(records.decodeSignedReading(Buffer.concat([other, Buffer.alloc(64)]))).toBeUndefined()
    expect(records.decodeSignedReading(Buffer.alloc(70_000))).toBeUndefined()
  })

  test('a block whose header is cut off, or of another version with the same first byte', () => {
    const bytes = records.encodeBlock(records.encodeHeader(header), Buffer.alloc(64), [])
    expect(records.decodeChainRecord(bytes.subarray(0, 20))).toBeUndefined()
  })
})

describe('a record of readings', () => {
  const entry = Buffer.concat([records.encodeReading(reading), Buffer.alloc(64, 2)])

  test('holds 1 to 1,000', () => {
    expect(() => records.joinEntries([])).toThrow('0 readings')
    expect(() => records.joinEntries(new Array(1_001).fill(entry))).toThrow('1001 readings')
    const full = new Array<Buffer>(1_000).fill(entry)
    expect(records.splitEntries(records.joinEntries(full))).toEqual(full)
    const more = Buffer.concat([Buffer.from([0xd2, 0x0f]), ...full, entry, Buffer.alloc(1)])
    expect(records.splitEntries(more)).toEqual([more])
  })

  test('that is not in order is one entry: its whole value, without the registry’s prefix', () => {
    const value = records.joinEntries([entry, entry])
    const long = Buffer.concat([value, Buffer.alloc(1)])
    expect(records.splitEntries(long)).toEqual([long])
    expect(records.splitEntries(framedWith(9, long))).toEqual([long])
    expect(records.splitEntries(null)).toEqual([Buffer.alloc(0)])
    expect(records.splitEntries(Buffer.from('text'))).toEqual([Buffer.from('text')])
    expect(records.splitEntries(Buffer.from([0, 1, 2, 3]))).toEqual([Buffer.from([0, 1, 2, 3])])
    expect(records.splitEntries(Buffer.from([0, 1, 2, 3, 4]))).toEqual([Buffer.alloc(0)])
  })

  test('signed is what stands before the signature', () => {
    expect(records.signedPart(entry)).toEqual(records.encodeReading(reading))
    expect(records.signaturePart(entry)).toEqual(Buffer.alloc(64, 2))
  })
})

test('every kind of registry event comes back as it was', () => {
  const usagePoint = { id: 'p', zone: 'UTC', feeder: 'f', region: 'r', plan: 'q' }
  const authority = { id: 'a', key: hash(1), weight: 5 }
  const contents: records.EventContent[] = [
    {
      ...{ kind: 'Genesis', network: 'n', createdAt: 1, lanes: 2, signatureProfile: 1, rules: 1, consensus: 'pos' },
      ...{ authorities: [authority], predecessor: '' },
    },
    { kind: 'EnrolMeters', count: 2, root: hash(2) },
    { kind: 'RotateMeterKey', meter: 'm', fromSequence: 3, key: hash(3) },
    { kind: 'ResetMeter', meter: 'm', sequence: 4, previous: hash(4) },
    { kind: 'RetireMeter', meter: 'm', fromSequence: 5 },
    { kind: 'AssignUsagePoint', meter: 'm', validFrom: 6, usagePoint },
    { kind: 'AddAuthority', authority },
    { kind: 'RemoveAuthority', authority: 'a' },
    { kind: 'RotateAuthorityKey', authority: 'a', key: hash(5) },
    { kind: 'SetStake', authority: 'a', weight: 7 },
    { kind: 'SlashStake', authority: 'a', amount: 8, evidence: [hash(6), hash(7)] },
    { kind: 'SetConsensus', consensus: 'poa' },
    { kind: 'PublishTariff', plan: 'p', validFrom: 9, document: '{}' },
    { kind: 'SetRules', rules: 10 },
    { kind: 'SetSourceEpoch', lane: 1, epoch: 11 },
  ]
  for (const content of contents) {
    const body = { id: Buffer.alloc(16, 1), expiresAtSize: 9, content }
    expect(records.decodeEventBody(records.encodeEventBody(body))).toEqual(body)
  }
  expect(new Set(contents.map(({ kind }) => kind)).size).toBe(15)
})

test('an event is not written around a body that is none', () => {
  const rest = { sizeBefore: 0, rootBefore: hash(0), signatures: [], meters: [] }
  expect(() => records.encodeRegistryEvent({ bodyBytes: Buffer.alloc(3), ...rest })).toThrow('not canonical')
})
