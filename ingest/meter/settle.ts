/** What a head says of a sender's entries. */
import { equalBytes, fromHex } from '../../schemas/bytes.js'
import type { Hash } from '../../schemas/hash.js'
import type { Head } from './door-answers.js'
import type { ChainEnd } from './sign-reading.js'

/** Whether a sequence counts: up to the head, and in none of its gaps. */
export function isCounted(head: Pick<Head, 'sequence' | 'gaps'>, sequence: number): boolean {
  return sequence <= head.sequence && !head.gaps.some(({ from, to }) => from <= sequence && sequence <= to)
}

/** Why the chain and this store tell different stories of a meter; undefined where they agree. `leafAt` knows the entries that the
 *  store still has. Each link covers all before it, so the head's hash is enough. */
export function conflictOf(head: Head, end: ChainEnd, leafAt: (sequence: number) => Hash | undefined): string | undefined {
  if (head.sequence > end.sequence)
    return `sequence ${head.sequence} counts, but this store has signed up to ${end.sequence} only: it is an old copy, or the meter was reset`
  const mine = head.sequence === end.sequence ? end.hash : leafAt(head.sequence)
  if (head.sequence === 0 || mine === undefined || equalBytes(mine, fromHex(head.hash))) return undefined
  return `another message counts as sequence ${head.sequence}: ${head.hash}, here ${mine.toString('hex')}`
}
