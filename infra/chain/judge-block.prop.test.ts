import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { faultCode } from '../../schemas/faults.js'
import { sha256 } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { type MeterState, NEW_METER } from '../../schemas/meter-chain.js'
import { signedMessage, TAGS } from '../../schemas/tags.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { applyEvent, testRegistry } from '../testing/registry.js'
import { hourOf, SignedMeter } from '../testing/signed-meters.js'
import { cases } from '../testing/thorough.js'
import { adoptVerdict, type JudgeSource, judgeBlock } from './judge-block.js'

const ledger = testRegistry({ meters: 3, lanes: 1 })
const { state: registry, chainId } = ledger
const verify = (signature: Buffer, bytes: Buffer, key: Buffer) =>
  sodiumSignatures.verify(signature, signedMessage(TAGS.reading, chainId, bytes), key)
const source = (states: ReadonlyMap<string, MeterState> = new Map(), registrySize = registry.size): JudgeSource => {
  return { lane: 0, registry, registrySize, meterState: (meter) => states.get(meter) ?? NEW_METER }
}
const meter = (id = 'meter-1') => new SignedMeter(id, chainId)
const codes = ({ notCounted }: { notCounted: { entry: number; code: number }[] }) =>
  notCounted.map(({ entry, code }) => [entry, code])
const readings = (count: number, of = meter()) => Array.from({ length: count }, () => of.next())

describe('a block’s verdict', () => {
  test('names each entry that does not count, with its code, and keeps the rest', async () => {
    const m = meter()
    const [first, second] = [m.next(), m.next()]
    const forged = Buffer.from(second)
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1)
    const block = [
      first,
      Buffer.from('garbage'),
      Buffer.alloc(0),
      forged,
      second,
      second,
      meter('stranger').next(),
      m.sign(hourOf('meter-1', 3, sha256())),
    ]
    const seen: boolean[] = []
    const judgement = await judgeBlock(block, source(), verify, ({ counted }) => seen.push(counted))
    expect(codes(judgement)).toEqual([
      [1, faultCode('malformed')],
      [2, faultCode('malformed')],
      [3, faultCode('bad-signature')],
      [5, faultCode('sequence-taken')],
      [6, faultCode('unknown-meter')],
      [7, faultCode('broken-link')],
    ])
    expect(seen).toEqual([true, false, false, false, true, false, false, false])
    expect([...judgement.states.keys()]).toEqual(['meter-1'])
    expect(judgement.states.get('meter-1')).toMatchObject({ sequence: 2, hash: leafHash(second), gaps: [] })
  })

  test('tells of gaps that open, close, and are given up', async () => {
    const all = readings(20)
    const odd = all.filter((_, index) => index % 2 === 1)
    const opened = await judgeBlock(odd, source(), verify)
    expect(codes(opened)).toEqual([])
    expect(opened.opened.map(({ gap }) => gap.from)).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
    expect(opened.givenUp.map(({ gap }) => [gap.from, gap.to])).toEqual([
      [1, 1],
      [3, 3],
    ])
    const closing = await judgeBlock(
      [all[4], all[0]].flatMap((each) => each ?? []),
      source(opened.states),
      verify,
    )
    expect(closing.closed.map(({ meter: id, gap }) => [id, gap.from])).toEqual([['meter-1', 5]])
    expect(codes(closing)).toEqual([[1, faultCode('sequence-taken')]])
  })

  test('is as of the registry size that the block names', async () => {
    const before = registry.size
    applyEvent(registry, { kind: 'RetireMeter', meter: 'meter-3', fromSequence: 2 }, ledger.authorityKeys)
    const block = readings(2, meter('meter-3'))
    expect(codes(await judgeBlock(block, source(new Map(), before), verify))).toEqual([])
    expect(codes(await judgeBlock(block, source(), verify))).toEqual([[1, faultCode('retired')]])
    expect(codes(await judgeBlock(block, source(new Map(), 1), verify))).toEqual(
      [0, 1].map((at) => [at, faultCode('unknown-meter')]),
    )
  })

  test('of another lane’s meter does not count', async () => {
    const other = testRegistry({ meters: 1, lanes: 4 })
    const found = await Promise.all(
      [0, 1, 2, 3].map((lane) =>
        judgeBlock(
          readings(1, new SignedMeter('meter-1', other.chainId)),
          { ...source(), lane, registry: other.state, registrySize: other.state.size },
          () => true,
        ),
      ),
    )
    expect(found.filter((each) => each.notCounted.length === 0)).toHaveLength(1)
    expect(found.flatMap((each) => each.notCounted.map(({ code }) => code))).toEqual(Array(3).fill(faultCode('wrong-lane')))
  })

  test('lets others have their turn', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await judgeBlock(readings(400), source(), verify)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(1)
  })
})

describe('a final verdict that is taken over', () => {
  test('makes of the meters just what judging it would, without a signature check', async () => {
    const all = [...readings(8), ...readings(8, meter('meter-2')), Buffer.from('garbage'), ...readings(2, meter('stranger'))]
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(all, { minLength: 1 }), fc.nat(19), async (entries, cut) => {
        const [first, second] = [entries.slice(0, cut), entries.slice(cut)]
        const judgedFirst = await judgeBlock(first, source(), verify)
        const judged = await judgeBlock(second, source(judgedFirst.states), verify)
        const adopted = adoptVerdict(second, judged.notCounted, source(judgedFirst.states))
        expect(adopted).toEqual({ ...judged, differences: [] })
      }),
      cases(60),
    )
  })

  test('that counts what would not count here is reported, and goes on from there', () => {
    const m = meter()
    const [first, second, third] = [m.next(), m.next(), m.next()]
    const astray = m.sign(hourOf('meter-1', 2, sha256()))
    const adopted = adoptVerdict([first, astray, second, Buffer.from('garbage'), third], [], source())
    expect(adopted.differences).toEqual([
      { entry: 1, meter: 'meter-1', fault: 'broken-link' },
      { entry: 2, meter: 'meter-1', fault: 'sequence-taken' },
      { entry: 3, meter: '', fault: 'malformed' },
      { entry: 4, meter: 'meter-1', fault: 'broken-link' },
    ])
    expect(adopted.states.get('meter-1')).toMatchObject({ sequence: 3, hash: leafHash(third) })
  })
})
