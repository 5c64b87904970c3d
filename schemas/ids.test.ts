import { expect, test } from '@jest/globals'
import { BugError, TransientError } from './errors.js'
import { asAuthorityId, asHeight, asLane, asMeterId, isAuthorityId, isMeterId } from './ids.js'

test('an id is 1 to 64 of letters, digits and ._:- and begins with a letter or digit', () => {
  for (const id of ['a', '7', 'MAC000002', 'urn:meter:1.2-3_4', 'x'.repeat(64)]) {
    expect([isMeterId(id), isAuthorityId(id)]).toEqual([true, true])
    expect([asMeterId(id), asAuthorityId(id)]).toEqual([id, id])
  }
  for (const text of ['', '-a', '.', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(65)]) {
    expect([isMeterId(text), isAuthorityId(text)]).toEqual([false, false])
    expect(() => asMeterId(text)).toThrow(/not a meter id/)
    expect(() => asAuthorityId(text)).toThrow(/not an authority id/)
  }
})

test('a lane is a partition number', () => {
  expect([asLane(0), asLane(2 ** 31 - 1)]).toEqual([0, 2 ** 31 - 1])
  for (const number of [-1, 0.5, 2 ** 31, Number.NaN]) expect(() => asLane(number)).toThrow(/not a lane/)
})

test('a height is a number that an Avro long holds', () => {
  expect([asHeight(0n), asHeight(2n ** 63n - 1n)]).toEqual([0n, 2n ** 63n - 1n])
  for (const number of [-1n, 2n ** 63n]) expect(() => asHeight(number)).toThrow(/not a height/)
})

test('the two kinds of error carry their name and cause', () => {
  const cause = new Error('disk')
  const bug = new BugError('invariant', { cause })
  expect([bug.name, bug.message, bug.cause]).toEqual(['BugError', 'invariant', cause])
  expect(`${new TransientError('broker away')}`).toBe('TransientError: broker away')
})
