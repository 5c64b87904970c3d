/** What the door answers to `POST /v1/readings`, from what became of each reading. */
import { hex } from '../schemas/bytes.js'
import { type FaultName, faultInfo } from '../schemas/faults.js'
import type { Accepted, Refused } from './accept.js'
import { type Problem, problemOf, type Refusal, type Resend, statusOf } from './problem.js'

/** One reading's outcome; an accepted one is acknowledged by Kafka. */
export type Outcome = Pick<Accepted, 'ok' | 'leaf' | 'lane' | 'meter'> | Refused

export interface Receipts {
  readonly accepted: number
  readonly refused: number
  readonly receipts: readonly { index: number; leafHash: string; lane: number }[]
  readonly refusals: readonly Refusal[]
  readonly resend: readonly Resend[]
}

export type Answer = { status: 202; body: Receipts } | { status: number; body: Problem }

/** 202 where at least one reading was accepted; else the problem, by what is most worth a second try. */
export function answerOf(outcomes: readonly Outcome[], resend: readonly Resend[]): Answer {
  const receipts: { index: number; leafHash: string; lane: number }[] = []
  const refusals: Refusal[] = []
  outcomes.forEach((outcome, index) => {
    if (outcome.ok) receipts.push({ index, leafHash: hex(outcome.leaf), lane: outcome.lane })
    else refusals.push({ index, fault: outcome.fault, detail: outcome.detail, remedy: faultInfo(outcome.fault).remedy })
  })
  const [first] = refusals
  if (receipts.length > 0 || first === undefined)
    return { status: 202, body: { accepted: receipts.length, refused: refusals.length, receipts, refusals, resend } }
  const leading = refusals.find((refusal) => statusOf(refusal.fault) === 503) ?? first
  const detail = refusals.length === 1 ? leading.detail : `all ${refusals.length} readings are refused, first: ${leading.detail}`
  return { status: statusOf(leading.fault), body: { ...problemOf(leading.fault, detail), refusals, resend } }
}

/** Refused for what it is, not for the moment: of use to whoever looks into `rejections`. */
export const isLasting = (fault: FaultName): boolean => statusOf(fault) !== 429 && statusOf(fault) !== 503
