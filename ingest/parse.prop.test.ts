import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { anyCodePoint } from '../infra/testing/any-code-point.js'
import { cases } from '../infra/testing/thorough.js'
import { accept } from './accept.js'
import { MEDIA_TYPES, parse } from './parse.js'

const mediaType = fc.constantFrom(...Object.values(MEDIA_TYPES))
const context = { lanes: 4, facts: () => undefined, verify: () => false }

function takeAny(type: (typeof MEDIA_TYPES)[keyof typeof MEDIA_TYPES], body: Buffer): void {
  const parsed = parse(type, body)
  if (!parsed.ok) expect(parsed.detail).not.toBe('')
  for (const item of parsed.ok ? parsed.items : []) if (item.ok) expect(accept(item.entry, context).ok).toBe(false)
}

test('no bytes make the door throw', () => {
  fc.assert(
    fc.property(mediaType, fc.uint8Array({ maxLength: 600 }), (type, bytes) => takeAny(type, Buffer.from(bytes))),
    cases(100),
  )
})

test('no JSON makes the door throw', () => {
  const item = fc.record(
    {
      reading: fc.record(
        {
          meter: fc.string({ unit: anyCodePoint }),
          sequence: fc.oneof(fc.maxSafeInteger(), fc.double()),
          previous: fc.oneof(fc.constant('00'.repeat(32)), fc.string()),
          sentAt: fc.maxSafeInteger(),
          profiles: fc.array(
            fc.record({
              obis: fc.constantFrom('1-0:1.8.0*255', '1-0:1.8.0*999', 'x'),
              unit: fc.integer(),
              scaler: fc.integer(),
              start: fc.maxSafeInteger(),
              step: fc.integer(),
              values: fc.array(fc.maxSafeInteger()),
            }),
          ),
          revises: fc.option(fc.maxSafeInteger()),
        },
        { requiredKeys: [] },
      ),
      signature: fc.oneof(fc.constant('00'.repeat(64)), fc.string()),
    },
    { requiredKeys: [] },
  )
  const value = fc.oneof(item, fc.array(item), fc.jsonValue())
  fc.assert(
    fc.property(value, (any) => takeAny(MEDIA_TYPES.json, Buffer.from(JSON.stringify(any)))),
    cases(100),
  )
})
