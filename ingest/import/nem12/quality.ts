/** NEM12's quality flags and methods as ESPI codes. A reading has no place for a reason: the codes of reasons, and whether a substitute is
 *  final (F) or not (S), stay in the file. */
import { shown } from '../malformed-file.js'

/** No value. */
export const NULL_DATA = 'null'
/** Varies within the day: 400 records say. */
export const VARIABLE = 'variable'
export type Quality = number | typeof NULL_DATA | typeof VARIABLE

const VALID = 0
const REFERENCE_DAY = 8
const INTERPOLATED = 9
const DERIVED = 11
const PROJECTED = 12
/** Substituted otherwise: agreed, zero, check meter, revised, … Not measured, as far as this file says. */
const OTHER = 16

/** Methods of AEMO's Metrology Procedure, by what ESPI calls them. */
const METHODS: Readonly<Record<string, number>> = {
  // like day, average like day, previous year, previous read, average daily load
  ...Object.fromEntries(['14', '15', '51', '52', '61', '62', '65'].map((method) => [method, REFERENCE_DAY])),
  // linear
  ...Object.fromEntries(['17', '54', '69'].map((method) => [method, INTERPOLATED])),
  // calculated, SCADA, customer class; recalculation, tables and algorithms of what has no meter
  ...Object.fromEntries(['12', '13', '57', '63', '71', '72', '73', '75'].map((method) => [method, DERIVED])),
}

/** A flag and its method, as A, S14 or V; else why it is none. */
export function readQuality(text: string): Quality | { readonly reason: string } {
  const [, flag, method] = /^([AEFNSV])(\d\d)?$/.exec(text) ?? []
  if (flag === undefined)
    return { reason: `${shown(text)} is not a quality: expected A, E, F, N, S or V, and two digits of a method` }
  if (flag === 'A') return VALID
  if (flag === 'N') return NULL_DATA
  if (flag === 'V') return VARIABLE
  return METHODS[method ?? ''] ?? (flag === 'E' ? PROJECTED : OTHER)
}
