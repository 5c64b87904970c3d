/** The repair events that a final block calls for: a gap in a meter's chain asks for its readings, and tells when they have come. */
import type { BlockJudgement } from '../infra/chain/judge-block.js'
import type { Gap } from '../schemas/meter-chain.js'
import type { Repair } from '../schemas/records.js'

/** One id for a gap wherever it is told of, so that several authorities' events are one. A gap that shrinks from below keeps its upper
 *  border. */
const gapId = (meter: string, gap: Gap): string => `resend/${meter}/${gap.to}`

/** Events for the gaps that opened, closed or were given up with a block of `lane` at time `at` (milliseconds), told by `by`. */
export function resendEvents(judgement: BlockJudgement, lane: number, at: number, by: string): Repair[] {
  const event = (meter: string, gap: Gap, status: Repair['status'], detail: string): Repair => ({
    id: gapId(meter, gap),
    kind: 'resend',
    lane,
    subject: meter,
    fault: 'gap',
    status,
    by,
    at,
    tookMillis: null,
    range: { from: gap.from, to: gap.to },
    detail,
  })
  return [
    ...judgement.opened.map(({ meter, gap }) => event(meter, gap, 'requested', `sequences ${gap.from} to ${gap.to} are missing`)),
    ...judgement.closed.map(({ meter, gap }) => event(meter, gap, 'completed', `the gap up to sequence ${gap.to} is closed`)),
    ...judgement.givenUp.map(({ meter, gap }) =>
      event(meter, gap, 'failed', `sequences ${gap.from} to ${gap.to} are given up: the meter has more gaps than are kept`),
    ),
  ]
}
