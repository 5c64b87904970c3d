/** Values of one channel of one meter as a file gives them, whatever the format. */

/** One value: of an interval, or of a register. */
export interface Value {
  /** Seconds since 1970: start of the interval, or when the register was read. */
  readonly start: number
  /** Length of the interval, seconds; 0: a register. */
  readonly step: number
  readonly value: number
  /** ESPI code; a register carries none. */
  readonly quality: number
}

export interface Channel {
  /** OBIS code, 6 bytes. */
  readonly obis: Buffer
  /** DLMS unit. */
  readonly unit: number
  readonly scaler: number
}

export interface Series extends Channel {
  readonly meter: string
  readonly zone: string
  /** Which of two files knows better: a higher one corrects a lower one, of equals the later import corrects. */
  readonly version: number
  /** Rising by start, without overlap; at most `MOST_VALUES`. */
  readonly values: readonly Value[]
}

/** Each takes at most 8 bytes, and its quality 4: a message of so many stays below 64 KiB. */
export const MOST_VALUES = 4_000

/** A local day of 25 hours. What is longer is of a billing period: no load profile, and it would hide what is known of its parts. */
export const LONGEST_STEP = 90_000
