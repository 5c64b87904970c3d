/** What the questions are asked of: meters, where they measured when, and their messages in the order of time. */
import type { ReadingContent } from '../../../ingest/meter/sign-reading.js'
import type { EnrolledMeter, UsagePoint } from '../../../schemas/records.js'

export interface PlannedMeter extends Pick<EnrolledMeter, 'meter' | 'signer' | 'usagePoint'> {
  /** Where it measures from a time on, seconds since 1970. */
  readonly moves?: readonly { readonly validFrom: number; readonly usagePoint: UsagePoint }[]
}

export interface PlannedMessage {
  readonly meter: string
  readonly content: ReadingContent
  /** Why the message does not count; none: it counts. */
  readonly fault?: 'bad-signature' | 'unknown-meter'
}

/** What becomes final at one time, a block for each lane. */
export interface Batch {
  /** Milliseconds since 1970. */
  readonly finalAt: number
  readonly messages: readonly PlannedMessage[]
}

export interface DataSet {
  readonly meters: readonly PlannedMeter[]
  batches(): Iterable<Batch>
}
