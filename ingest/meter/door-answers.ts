/** The door's answers, as far as a sender needs them (the door's own OpenAPI document has all). */
import { z } from 'zod'

const sequence = z.number().int().min(0)
const range = z.object({ from: sequence, to: sequence })
const refusal = z.object({ index: z.number().int().min(0), fault: z.string(), detail: z.string() })
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const place = { sequence, hash, gaps: z.array(range) }
const reset = z.object({ sequence, previous: hash, before: z.object(place) })
const head = z.object({ meter: z.string(), ...place, reset: reset.nullable() })

/** One reading that was refused: its place in the request, the fault's name, and words for a person. */
export type Refusal = z.infer<typeof refusal>
/** How far a meter's chain counts in final blocks; `reset`: where it goes on, as long as nothing after that counts. */
export type Head = z.infer<typeof head>
export type PendingReset = z.infer<typeof reset>

export const RECEIPTS = z.object({ accepted: z.number().int().min(0), refusals: z.array(refusal) })
export const PROBLEM = z.object({ fault: z.string(), detail: z.string(), refusals: z.array(refusal).optional() })
export const HEADS = z.object({ heads: z.array(head), unknown: z.array(z.string()).default([]) })
