/** What the door answers where it refuses: a problem document of RFC 9457. */
import { type FaultName, faultInfo } from '../schemas/faults.js'

export const PROBLEM_TYPE = 'application/problem+json'

export interface Refusal {
  /** Place of the reading in the request, from 0. */
  readonly index: number
  readonly fault: FaultName
  readonly detail: string
  readonly remedy: string
}

export interface Resend {
  readonly meter: string
  /** First and last sequence to send again, in rising order. */
  readonly from: number
  readonly to: number
}

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly fault: FaultName
  readonly remedy: string
  readonly refusals?: readonly Refusal[]
  readonly resend?: readonly Resend[]
}

/** Statuses that say "the same again, later". */
export const RETRY_AFTER_SECONDS = 1

/** 400: not of the form; 413: too large; 422: of the form, but it does not hold; 429 and 503: not now. */
const STATUS: Partial<Record<FaultName, number>> = {
  malformed: 400,
  'bad-request': 400,
  'too-large': 413,
  'rate-limited': 429,
  busy: 503,
  unavailable: 503,
}

/** The HTTP status for a fault. */
export const statusOf = (fault: FaultName): number => STATUS[fault] ?? 422

/** A problem that a fault of ours names. `type` is the fault's own URN, so that a program need not read the text. */
export function problemOf(fault: FaultName, detail: string, status: number = statusOf(fault)): Problem {
  const { meaning, remedy } = faultInfo(fault)
  return { type: `urn:meterchain:fault:${fault}`, title: meaning, status, detail, fault, remedy }
}
