/** What a 200 record says of the records after it: which channel of which NMI they are of (AEMO, Meter Data File Format). */
import { shown } from '../malformed-file.js'

export interface Stream {
  readonly nmi: string
  readonly obis: Buffer
  readonly unit: number
  /** Power of ten of the file's unit: 3 for kWh. */
  readonly prefix: number
  /** Seconds. */
  readonly step: number
}

interface Unit {
  readonly unit: number
  readonly d: number
  readonly kind: string
}
/** DLMS units, and D of their OBIS codes (IEC 62056-6-1): 29, energy within the recording interval; 27, mean power of it. */
const UNITS: Readonly<Record<string, Unit>> = {
  WH: { unit: 30, d: 29, kind: 'active' },
  VARH: { unit: 32, d: 29, kind: 'reactive' },
  VAH: { unit: 31, d: 29, kind: 'apparent' },
  W: { unit: 27, d: 27, kind: 'active' },
  VAR: { unit: 29, d: 27, kind: 'reactive' },
  VA: { unit: 28, d: 27, kind: 'apparent' },
}
const PREFIXES: Readonly<Record<string, number>> = { '': 0, K: 3, M: 6 }

/** C of the OBIS code. AEMO names directions as the market sees them: what a customer consumes is export (E, Q), what he feeds in is
 *  import (B, K). OBIS names them as the meter sees them. */
const SUFFIXES: Readonly<Record<string, { c: number; kind: string }>> = {
  E: { c: 1, kind: 'active' },
  B: { c: 2, kind: 'active' },
  Q: { c: 3, kind: 'reactive' },
  K: { c: 4, kind: 'reactive' },
  T: { c: 9, kind: 'apparent' },
}
const STEPS_MINUTES = ['5', '15', '30']

/** 200, NMI, configuration, register, suffix, data stream, serial, unit, minutes, next read; else why it is none. Whose serial number the
 *  meter has is not kept: the market knows a stream by NMI and suffix, and so does a correction of one. */
export function readStream(fields: readonly string[]): Stream | string {
  const [, nmi = '', , , suffix = '', , , uom = '', minutes = ''] = fields
  if (!/^[A-Z0-9]{10}$/.test(nmi))
    return `${shown(nmi)} is not an NMI: expected 10 capital letters and digits, without the checksum`
  const unit = unitOf(uom)
  if (unit === undefined) return `${shown(uom)} is not a unit that is taken: Wh, VArh, VAh, W, VAr or VA, each also with k or M`
  const direction = SUFFIXES[suffix.charAt(0)]
  const channel = channelOf(suffix)
  if (direction === undefined || channel === undefined)
    return `suffix ${shown(suffix)} is of no stream that is taken: E, B, Q, K or T and one more character (net, average and check meters are left out)`
  if (direction.kind !== unit.kind)
    return `suffix ${shown(suffix)} is of ${direction.kind} energy, and ${shown(uom)} is a unit of ${unit.kind}`
  if (!STEPS_MINUTES.includes(minutes)) return `an interval length of ${shown(minutes)} is not 5, 15 or 30 minutes`
  const obis = Buffer.from([1, channel, direction.c, unit.d, 0, 255])
  return { nmi, obis, unit: unit.unit, prefix: unit.prefix, step: Number(minutes) * 60 }
}

/** As kWh or KWH: files write it in either case. */
function unitOf(uom: string): (Unit & { readonly prefix: number }) | undefined {
  const [, prefix = '', name = ''] = /^([KM]?)(WH|VARH|VAH|W|VAR|VA)$/.exec(uom.toUpperCase()) ?? []
  const unit = UNITS[name]
  return unit === undefined ? undefined : { ...unit, prefix: PREFIXES[prefix] ?? 0 }
}

/** B of the OBIS code: 0 for the first channel of an NMI, so that its code is the one of a meter with one channel; 2 to 35 for the
 *  others, 2 to 9 and then A to Z. */
function channelOf(suffix: string): number | undefined {
  if (!/^[A-Z][1-9A-Z]$/.test(suffix)) return undefined
  const number = Number.parseInt(suffix.charAt(1), 36)
  return number === 1 ? 0 : number
}
