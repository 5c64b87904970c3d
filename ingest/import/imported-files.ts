/** Which half hours were signed before. Kept in the meter store and written in the transaction that signs, so an import that was
 *  stopped anywhere goes on there, and one that is repeated signs nothing twice, in whatever order and files the lines come. */
import type { Mark, MeterStore } from '../meter/meter-store.js'
import type { Decimal } from './decimal.js'
import type { MeterDay } from './meter-days.js'

type Marks = Pick<MeterStore, 'mark'>
/** What is remembered of a file that was read to its end. */
export interface FileMark {
  readonly lines: number
  readonly meters: readonly string[]
}

const fileKey = (hash: string, message: string) => ['lcl-file', hash, message]
const dayKey = ({ meter, day }: Pick<MeterDay, 'meter' | 'day'>) => ['lcl-day', meter, day]
const enrolledKey = (meter: string) => ['enrolled', meter]

export function finishedFile(store: Marks, hash: string, message: string): FileMark | undefined {
  return store.mark(fileKey(hash, message)) as FileMark | undefined
}
export const fileMark = (hash: string, message: string, mark: FileMark): Mark => [fileKey(hash, message), mark]

export const isEnrolled = (store: Marks, meter: string): boolean => store.mark(enrolledKey(meter)) === true
export const enrolledMark = (meter: string): Mark => [enrolledKey(meter), true]

/** The half hours of a day that are new, and the day's mark with them: bit n for slot n, 48 bits, exact in a double. */
export function newSlots(store: Marks, meterDay: MeterDay): { slots: Map<number, Decimal>; mark: Mark } {
  const known = Number(store.mark(dayKey(meterDay)) ?? 0)
  const slots = new Map([...meterDay.slots].filter(([slot]) => Math.floor(known / 2 ** slot) % 2 === 0))
  const mask = [...slots.keys()].reduce((sum, slot) => sum + 2 ** slot, known)
  return { slots, mark: [dayKey(meterDay), mask] }
}
