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
