/** Up to which block tables as of a past go: plain data, as it is handed to threads. */
import type { Finalized } from '../../infra/chain/lane-reader.js'

export type Bound =
  /** Blocks that the checkpoint of this size covers. */
  | { readonly kind: 'checkpoint'; readonly size: number }
  /** Blocks that were final by then, by the log’s append time. */
  | { readonly kind: 'time'; readonly millis: number }
  /** Blocks of each lane up to that height. */
  | { readonly kind: 'height'; readonly height: bigint }

/** As a bound has it for each block; a checkpoint’s by the height that it covers of each lane. */
export type Within =
  | Exclude<Bound, { kind: 'checkpoint' }>
  | { readonly kind: 'heights'; readonly heights: ReadonlyMap<number, bigint> }

export function isWithin({ lane, header, timestamp }: Pick<Finalized, 'lane' | 'header' | 'timestamp'>, within: Within): boolean {
  if (within.kind === 'time') return timestamp <= within.millis
  return header.height <= (within.kind === 'height' ? within.height : (within.heights.get(lane) ?? 0n))
}
