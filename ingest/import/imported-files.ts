/** What is remembered of files and meters, beside what each format remembers of its values. */
import type { Mark, MeterStore } from '../meter/meter-store.js'

type Store = Pick<MeterStore, 'mark'>
/** What is remembered of a file that was read to its end. */
export interface FileMark {
  readonly meters: readonly string[]
}

const fileKey = (format: string, hash: string, message: string) => [`${format}-file`, hash, message]
const enrolledKey = (meter: string) => ['enrolled', meter]
const zoneKey = (meter: string) => ['zone', meter]

export function finishedFile(store: Store, format: string, hash: string, message: string): FileMark | undefined {
  return store.mark(fileKey(format, hash, message)) as FileMark | undefined
}
export const fileMark = (format: string, hash: string, message: string, mark: FileMark): Mark => [
  fileKey(format, hash, message),
  mark,
]

export const isEnrolled = (store: Store, meter: string): boolean => store.mark(enrolledKey(meter)) === true
export const enrolledMark = (meter: string): Mark => [enrolledKey(meter), true]

/** The zone to enrol a meter with. Stores of before there were other formats have none: all was London. */
export const zoneOf = (store: Store, meter: string): string => String(store.mark(zoneKey(meter)) ?? 'Europe/London')
export const zoneMark = (meter: string, zone: string): Mark => [zoneKey(meter), zone]
