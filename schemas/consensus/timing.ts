/** When a proposer may seal. Time is never part of the fold: these rules guide chainers, and validators’ votes judge by half of them. */

/** Beyond this no attempt waits longer, milliseconds. */
export const LONGEST_WAIT_MILLIS = 30_000

/** Milliseconds that rank `rank` (0: in turn) waits in attempt `attempt`, from the later of the parent's certificate and the
 *  first reading's append time. */
export function waitMillis(rank: number, attempt: number, wiggleMillis: number): number {
  return Math.min((rank + attempt) * wiggleMillis, LONGEST_WAIT_MILLIS)
}

/** Whether a block that was sealed `afterMillis` after that moment came before half of its wait. */
export function isEarly(afterMillis: number, rank: number, attempt: number, wiggleMillis: number): boolean {
  return afterMillis < waitMillis(rank, attempt, wiggleMillis) / 2
}
