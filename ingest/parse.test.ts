import { describe, expect, test } from '@jest/globals'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { decodeSignedReading, joinEntries } from '../schemas/records.js'
import { obisBytes } from './json-reading.js'
import { MEDIA_TYPES, parse } from './parse.js'

const meter = new SignedMeter('m-1', Buffer.alloc(32, 7))
const entries = [meter.next(), meter.next({ revises: 1 }), meter.next()]

/** The JSON form of an entry. */
function jsonOf(entry: Buffer): { reading: Record<string, unknown>; signature: string } {
  const signed = decodeSignedReading(entry)
  if (signed === undefined) throw new Error('not an entry')
  const { previous, profiles, ...rest } = signed.reading
  return {
    reading: {
      ...rest,
      previous: previous.toString('hex'),
      profiles: profiles.map((profile) => ({ ...profile, obis: '1-0:1.8.0*255' })),
    },
    signature: signed.signature.toString('hex'),
  }
}
const json = (value: unknown) => parse(MEDIA_TYPES.json, Buffer.from(JSON.stringify(value)))

describe('binary', () => {
  test('one reading is its body', () => {
    const [entry = Buffer.alloc(0)] = entries
    expect(parse(MEDIA_TYPES.reading, entry)).toEqual({ ok: true, items: [{ ok: true, entry }] })
  })
  test('a record is cut into its readings, with the registry’s prefix or without', () => {
    const record = joinEntries(entries)
    const items = entries.map((entry) => ({ ok: true, entry }))
    expect(parse(MEDIA_TYPES.readings, record)).toEqual({ ok: true, items })
    expect(parse(MEDIA_TYPES.readings, Buffer.concat([Buffer.from([0, 0, 0, 0, 3]), record]))).toEqual({ ok: true, items })
    const [entry = Buffer.alloc(0)] = entries
    expect(parse(MEDIA_TYPES.readings, joinEntries([entry]))).toEqual({ ok: true, items: [{ ok: true, entry }] })
  })
  test('a record that is not in order is refused whole', () => {
    const record = joinEntries(entries)
    for (const body of [record.subarray(1), record.subarray(0, -1), Buffer.concat([record, Buffer.alloc(1)]), Buffer.alloc(0)])
      expect(parse(MEDIA_TYPES.readings, body)).toMatchObject({ ok: false, fault: 'malformed' })
  })
})

describe('JSON', () => {
  test('makes the bytes that were signed, whichever way the OBIS code is written and empty lists are', () => {
    const [entry = Buffer.alloc(0), revision = Buffer.alloc(0)] = entries
    const { reading, signature } = jsonOf(entry)
    expect(json({ reading, signature })).toEqual({ ok: true, items: [{ ok: true, entry }] })
    const { version: _version, registers: _registers, revises: _revises, ...short } = reading
    expect(json([{ reading: short, signature }, jsonOf(revision)])).toEqual({
      ok: true,
      items: [
        { ok: true, entry },
        { ok: true, entry: revision },
      ],
    })
  })
  test('a bad item is refused alone, with the place and the reason', () => {
    const [entry = Buffer.alloc(0)] = entries
    const { reading, signature } = jsonOf(entry)
    const bad = { reading: { ...reading, sequence: 'seven' }, signature }
    const parsed = json([{ reading, signature }, bad, 7, { reading: { ...reading, previous: 'xx' }, signature }])
    expect(parsed).toMatchObject({
      ok: true,
      items: [
        { ok: true },
        { ok: false, detail: expect.stringContaining('reading.sequence: ') },
        { ok: false, detail: expect.stringContaining('the item: ') },
        { ok: false, detail: 'reading.previous: must be 32 bytes in hexadecimal' },
      ],
    })
  })
  test.each([
    ['no JSON', Buffer.from('{'), 'bad-request'],
    ['nothing', Buffer.alloc(0), 'bad-request'],
    ['an empty array', Buffer.from('[]'), 'bad-request'],
    ['1,001 readings', Buffer.from(JSON.stringify(Array.from({ length: 1001 }, () => 0))), 'too-large'],
  ])('%s is refused whole', (_name, body, fault) => {
    expect(parse(MEDIA_TYPES.json, body)).toMatchObject({ ok: false, fault })
  })
  test('an OBIS code is six bytes', () => {
    expect(obisBytes('1-0:1.8.0*255')).toEqual(Buffer.from([1, 0, 1, 8, 0, 255]))
    expect(obisBytes('0100010800ff')).toEqual(Buffer.from([1, 0, 1, 8, 0, 255]))
    for (const text of ['', '1.8.0', '1-0:1.8.0*256', '0100010800f', '1-0:1.8.0*255 ']) expect(obisBytes(text)).toBeUndefined()
    const [entry = Buffer.alloc(0)] = entries
    const { reading, signature } = jsonOf(entry)
    const changed = { ...reading, profiles: [{ obis: '1.8', unit: 30, scaler: 0, start: 0, step: 1, values: [1] }] }
    expect(json({ reading: changed, signature })).toMatchObject({
      items: [{ ok: false, detail: 'reading.profiles.0.obis: must be an OBIS code such as 1-0:1.8.0*255' }],
    })
  })
})

describe('JSON that is meant to break the door', () => {
  const parseText = (text: string) => parse(MEDIA_TYPES.json, Buffer.from(text))
  test('nesting is refused before it is parsed, in an item too; brackets in texts do not count', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    for (const text of [deep, `[{"reading":${deep}}]`, '{"a":'.repeat(100_000)]) {
      expect(parseText(text)).toEqual({ ok: false, fault: 'bad-request', detail: 'the JSON is nested more than 32 deep' })
    }
    expect(parseText(`{"${'['.repeat(100)}\\"${'['.repeat(100)}": 1}`)).toMatchObject({ ok: true, items: [{ ok: false }] })
  })
  test('the words of a refusal are short, whatever was sent', () => {
    const good = jsonOf(entries[0] ?? Buffer.alloc(0))
    const parsed = parseText(JSON.stringify({ ...good, ['k'.repeat(100_000)]: 1 }))
    const [item] = parsed.ok ? parsed.items : []
    expect(item?.ok === false && item.detail.length).toBe(1024)
  })
  test('of a key that stands twice the last holds; numbers that no double holds are refused', () => {
    const good = jsonOf(entries[0] ?? Buffer.alloc(0))
    const text = JSON.stringify(good)
    expect(parseText(text.replace('"sequence":1', '"sequence":9,"sequence":1'))).toEqual({
      ok: true,
      items: [{ ok: true, entry: entries[0] }],
    })
    for (const number of ['1e400', '-1e400', '9007199254740993', '1.5', `1${'0'.repeat(5_000)}`, '4503599627370496'])
      expect(parseText(text.replace('"sequence":1', `"sequence":${number}`))).toMatchObject({ ok: true, items: [{ ok: false }] })
  })
})
