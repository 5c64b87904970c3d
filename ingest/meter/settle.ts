/** What a head says of a sender's entries. */
import { equalBytes, fromHex } from '../../schemas/bytes.js'
import type { Hash } from '../../schemas/hash.js'
import type { Reading } from '../../schemas/records.js'
import type { Head, PendingReset } from './door-answers.js'
import type { ChainEnd } from './sign-reading.js'

/** Whether a sequence counts: up to the head, and in none of its gaps. */
export function isCounted(head: Pick<Head, 'sequence' | 'gaps'>, sequence: number): boolean {
  return sequence <= head.sequence && !head.gaps.some(({ from, to }) => from <= sequence && sequence <= to)
}

/** Why the chain and this store tell different stories of a meter; undefined where they agree. `leafAt` knows the entries that the
 *  store still has. Each link covers all before it, so the head's hash is enough. */
export function conflictOf(
  head: Pick<Head, 'sequence' | 'hash'>,
  end: ChainEnd,
  leafAt: (sequence: number) => Hash | undefined,
): string | undefined {
  if (head.sequence > end.sequence)
    return `sequence ${head.sequence} counts, but this store has signed up to ${end.sequence} only: it is an old copy, or lost its disk; a reset of the meter (meterchain registry propose reset-meter) lets it go on`
  const mine = head.sequence === end.sequence ? end.hash : leafAt(head.sequence)
  if (head.sequence === 0 || mine === undefined || equalBytes(mine, fromHex(head.hash))) return undefined
  return `another message counts as sequence ${head.sequence}: ${head.hash}, here ${mine.toString('hex')}`
}

/** Whether a store with this chain goes on from the reset already: what is refused or contradicted then, the reset cannot mend. */
export function hasTakenUp(
  reset: PendingReset,
  end: ChainEnd,
  first: Pick<Reading, 'sequence' | 'previous'> | undefined,
): boolean {
  const next = first ?? { sequence: end.sequence + 1, previous: end.hash }
  return next.sequence === reset.sequence && equalBytes(next.previous, fromHex(reset.previous))
}
