import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeRegistryEvent, type EventSignature } from '../../schemas/records.js'
import { enrolTestMeters, testAuthorityKey, testMeter, testRegistry } from '../testing/registry.js'
import { step } from '../testing/registry-arbitraries.js'
import { cases } from '../testing/thorough.js'
import { dryRun, signersOf } from './dry-run.js'
import {
  assertUsable,
  formatProposal,
  mergeProposals,
  type Proposal,
  ProposalError,
  type ProposedContent,
  parseProposal,
  proposalOf,
  withSignatures,
} from './proposal-file.js'
import { newBody, placeEvent, signBody } from './sign-event.js'

const { state, chainId } = testRegistry({ authorities: 4 })
const keys = [1, 2, 3, 4].map((n) => testAuthorityKey(`authority-${n}`))

const isProposable = (kind: string) => kind !== 'Genesis' && kind !== 'EnrolMeters'
const content = step.filter((each) => isProposable(each.content.kind)).map((each) => each.content as ProposedContent)
const proposal: fc.Arbitrary<Proposal> = fc.tuple(content, fc.subarray(keys)).map(([what, signers]) => {
  const bodyBytes = newBody(what, 1_000)
  return proposalOf(chainId, bodyBytes, signBody(bodyBytes, chainId, signers))
})

test('a file says what was proposed, byte for byte', () => {
  fc.assert(
    fc.property(proposal, (given) => {
      const text = formatProposal(given)
      expect(parseProposal(text)).toEqual(given)
      expect(parseProposal(text.replaceAll('\n', '\r\n'))).toEqual(given)
    }),
    cases(100),
  )
})

/** One character of a text replaced, left out, or put in. */
const edit = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace', 'drop', 'insert'),
  by: fc.string({ minLength: 1, maxLength: 1 }),
})

function edited(text: string, { at, how, by }: { at: number; how: string; by: string }): string {
  const place = at % text.length
  const rest = text.slice(how === 'insert' ? place : place + 1)
  return text.slice(0, place) + (how === 'drop' ? '' : by) + rest
}

test('a changed file is refused, or carries one signature less: never another event', () => {
  fc.assert(
    fc.property(proposal, fc.array(edit, { minLength: 1, maxLength: 2 }), (given, edits) => {
      const text = formatProposal(given)
      const changed = edits.reduce(edited, text)
      let read: Proposal
      try {
        read = parseProposal(changed)
        assertUsable(read, state)
      } catch (error) {
        expect(error).toBeInstanceOf(ProposalError)
        return
      }
      expect(read.bodyBytes).toEqual(given.bodyBytes)
      const { tally } = dryRun(state, read)
      const before = dryRun(state, given).tally
      expect(before.holding.length).toBe(given.signatures.length)
      expect(before.holding).toEqual(expect.arrayContaining([...tally.holding]))
      if (tally.holding.length === before.holding.length) expect(changed.trim()).toBe(text.trim())
    }),
    cases(1_000),
  )
}, 60_000)

test('whoever writes another body or another chain into the file takes every signature along', () => {
  fc.assert(
    fc.property(proposal, content, fc.boolean(), ({ bodyBytes, signatures }, other, isOtherChain) => {
      const altered = isOtherChain
        ? proposalOf(Buffer.alloc(32, 9), bodyBytes, signatures)
        : proposalOf(chainId, newBody(other, 1_000), signatures)
      const { tally } = dryRun(state, parseProposal(formatProposal(altered)))
      expect(tally).toMatchObject({ holding: [], weight: 0, isEnough: false })
    }),
    cases(100),
  )
})

describe('merging', () => {
  const parts = fc.tuple(content, fc.array(fc.subarray(keys), { minLength: 1, maxLength: 5 })).map(([what, groups]) => {
    const bodyBytes = newBody(what, 1_000)
    return groups.map((signers) => proposalOf(chainId, bodyBytes, signBody(bodyBytes, chainId, signers)))
  })

  test('gives the same text in any order, in any groups, and when it is repeated', () => {
    fc.assert(
      fc.property(
        parts.chain((files) => fc.tuple(fc.constant(files), fc.shuffledSubarray(files, { minLength: files.length }), fc.nat())),
        ([files, shuffled, cut]) => {
          const merge = ([first, ...rest]: Proposal[]) => (first === undefined ? [] : [mergeProposals(first, ...rest)])
          const [all] = merge(files)
          const at = cut % (shuffled.length + 1)
          const [grouped] = merge([...merge(shuffled.slice(at)), ...merge(shuffled.slice(0, at))])
          if (all === undefined || grouped === undefined) throw new Error('nothing to merge')
          expect(formatProposal(grouped)).toBe(formatProposal(all))
          expect(formatProposal(mergeProposals(all, ...files))).toBe(formatProposal(all))
          const signers = new Set(files.flatMap(({ signatures }) => signatures.map(({ signer }) => signer)))
          expect(all.signatures.map(({ signer }) => signer)).toEqual([...signers].sort())
        },
      ),
      cases(100),
    )
  })

  test('a signature that does not hold takes no place of one that does', () => {
    const bodyBytes = newBody({ kind: 'SetRules', rules: 2 }, 1_000)
    const good = signBody(bodyBytes, chainId, keys.slice(0, 3))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), fc.uint8Array({ minLength: 64, maxLength: 64 }))), (bad) => {
        const forged: EventSignature[] = bad.map(([{ id }, bytes]) => ({ signer: id, signature: Buffer.from(bytes) }))
        const read = parseProposal(formatProposal(withSignatures(proposalOf(chainId, bodyBytes, forged), good)))
        expect(dryRun(state, read)).toMatchObject({ counts: true, tally: { weight: 3, isEnough: true, holding: good } })
      }),
      cases(100),
    )
  })
})

test('what the dry run says is what the registry does', () => {
  fc.assert(
    fc.property(content, fc.subarray(keys), (what, signers) => {
      const fresh = testRegistry({ authorities: 4 }).state
      enrolTestMeters(fresh, keys, [testMeter('m1')])
      const before = fresh.governanceAt(fresh.size)
      const bodyBytes = newBody(what, 1_000)
      const signatures = signBody(bodyBytes, fresh.chainId, signers)
      const { tally, counts, refused, changes } = dryRun(fresh, proposalOf(fresh.chainId, bodyBytes, signatures))
      expect(counts).toBe(tally.isEnough && refused === undefined)
      const applied = fresh.apply(decodeRegistryEvent(placeEvent(fresh, { bodyBytes, signatures, meters: [] })))
      expect(applied.counted).toBe(counts)
      if (!counts) return
      expect(fresh.governanceAt(fresh.size)).toEqual(changes?.governance ?? before)
      for (const [id, record] of changes?.meters ?? []) expect(fresh.store.meter(id)).toEqual(record)
      expect(new Set(signersOf(fresh, fresh.size - 1))).toEqual(new Set(signers.map(({ id }) => id)))
    }),
    cases(100),
  )
})
