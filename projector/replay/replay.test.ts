import { expect, test } from '@jest/globals'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { TestLane } from '../../infra/testing/final-blocks.js'
import { testRegistry } from '../../infra/testing/registry.js'
import { SignedMeter } from '../../infra/testing/signed-meters.js'
import { faultCode } from '../../schemas/faults.js'
import { inSet, nameOf, prefixOf } from '../schema-set.js'
import { checkSignatures } from './check-signatures.js'
import { boundText, parseBound } from './until.js'

test('a statement names the same tables in another set, and what it says in words stays', () => {
  const cases = {
    [`SELECT s.x, 'see store.faults' FROM store.faults s JOIN "ledger"."blocks" b ON s.a = b.ledger`]: `SELECT s.x, 'see store.faults' FROM a_store.faults s JOIN "a_ledger"."blocks" b ON s.a = b.ledger`,
    [`COMMENT ON SCHEMA analytics IS 'it''s store.x'`]: `COMMENT ON SCHEMA a_analytics IS 'it''s store.x'`,
    'GRANT SELECT ON ALL TABLES IN SCHEMA ledger, store TO w': 'GRANT SELECT ON ALL TABLES IN SCHEMA a_ledger, a_store TO w',
    'create schema if not exists "migrations"': 'create schema if not exists "a_migrations"',
    'SELECT FROM a_store.x, old_store.y, restore.z': 'SELECT FROM a_store.x, old_store.y, restore.z',
  }
  for (const [text, expected] of Object.entries(cases)) {
    expect(inSet('a_', text)).toBe(expected)
    expect(inSet('a_', expected)).toBe(expected)
    expect(inSet('', text)).toBe(text)
  }
})

test('a set has a plain name', () => {
  expect(['live', 'may'].map(prefixOf)).toEqual(['', 'may_'])
  expect(['', 'may_'].map((prefix) => nameOf(prefix as ''))).toEqual(['live', 'may'])
  for (const name of ['', 'May', '1a', 'a-b', 'a_', 'a'.repeat(32)]) expect(() => prefixOf(name)).toThrow(RangeError)
})

test('a full check holds the verdict against the signatures of the readings: those that count, and those that were refused', () => {
  const registry = testRegistry({ meters: 1, lanes: 1 })
  const lane = new TestLane(registry, 0)
  const meter = new SignedMeter('meter-1', registry.chainId)
  const forged = Buffer.from(meter.next())
  forged.writeUInt8((forged.at(-1) ?? 0) ^ 1, forged.length - 1)
  const good = meter.next()
  const check = (entries: Buffer[], codes: [number, number][]) => {
    const block = lane.finalize(
      entries,
      codes.map(([entry, code]) => ({ entry, code })),
    )
    return () => checkSignatures(block, registry.state, sodiumSignatures)
  }
  const bad = faultCode('bad-signature')
  expect(check([good, forged, Buffer.from('x')], [[1, bad], [2, faultCode('malformed')]])).not.toThrow() // biome-ignore format: two entries
  expect(check([forged], [])).toThrow(/height 2, entry 0 .* counts, and its signature does not hold/)
  expect(check([good], [[0, bad]])).toThrow(/was refused for its signature, which holds/)
  expect(check([Buffer.from('x')], [])).toThrow(/does not hold/)
})

test('a bound is a checkpoint, a height, or a time', () => {
  const cases = {
    'checkpoint:480': 'as of checkpoint 480',
    'height:12': 'as of height 12',
    '2026-05-01': 'as of 2026-05-01T00:00:00.000Z',
    '2026-05-01T00:00+02:00': 'as of 2026-04-30T22:00:00.000Z',
  }
  for (const [text, said] of Object.entries(cases)) expect(boundText(parseBound(text))).toBe(said)
  for (const text of [
    '',
    'height:',
    'height:-1',
    'yesterday',
    '2026-05',
    '2026-13-01',
    '2026-02-30',
    '2026-05-01T00:00:00',
    'block:3',
  ])
    expect(() => parseBound(text)).toThrow(RangeError)
})
